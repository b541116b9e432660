/** A table whose rows only a superuser could restore. */
export const BASE_TYPE = `
create type public.own;
create function public.own_in(cstring) returns public.own language internal immutable strict as 'textin';
create function public.own_out(public.own) returns cstring language internal immutable strict as 'textout';
create type public.own (input = public.own_in, output = public.own_out, like = text);
create table public.uses (a public.own);
`;

/** What an application on a managed server has, and some things that only a superuser may make. */
export const ORDINARY = `
create schema app authorization fixture_owner;
create extension hstore schema app;
create type app.mood as enum ('sad', 'ok');
create table app.other (id integer primary key);
insert into app.other values (1), (2);
create table app.alone (id integer primary key, tags app.hstore);
insert into app.alone values (1, 'a=>1'), (2, null);
create table app.t (id serial primary key, mood app.mood default 'ok', text text, other integer references app.other);
insert into app.t (text, other) values ('one', 1), ('two', 2), (null, null);
create index t_text on app.t (lower(text));
create view app.v as select id, text from app.t where mood = 'ok';
create function app.f() returns integer language sql as 'select 1';
create function app.log_ddl() returns event_trigger language plpgsql as 'begin end';
create event trigger on_ddl on ddl_command_end execute function app.log_ddl();
create publication chosen for table app.t;
create publication all_tables for all tables;
create operator class app.int_rev for type integer using btree as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(integer, integer);
alter table app.t owner to fixture_owner;
alter table app.t enable row level security;
create policy own on app.t to fixture_reader using (id > 0);
grant select, insert on app.t to fixture_reader;
grant usage on schema app to fixture_reader;
comment on table app.t is 'kept';
comment on extension hstore is 'ours';
alter default privileges for role fixture_owner grant select on tables to fixture_reader;
select lo_from_bytea(99, 'x');
`;
