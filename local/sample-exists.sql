-- Prints t where the sample is there to its last table: it is made in one transaction.
select count(*) = 1 as is_there from pg_database where datname = 'shop' \gset
\if :is_there
\connect shop
select to_regclass('public.events') is not null;
\endif
