-- The sample database of `npm start`: a small shop, the same rows on every machine and every day.
-- Runs in one transaction on an empty database. What only builds the rows lives in pg_temp and is gone afterwards.

create function pg_temp.dice(seed text, sides integer) returns integer language sql immutable as
$$ select (('x' || substr(md5(seed), 1, 8))::bit(32)::bigint % sides)::integer $$;

create function pg_temp.pick(seed text, choices text[]) returns text language sql immutable as
$$ select choices[1 + pg_temp.dice(seed, array_length(choices, 1))] $$;

-- Sentences are made once; texts are strings of them.
create temp table sentences on commit drop as
select i as id,
  initcap(pg_temp.pick('o' || i, array['the','this','our','every','each','one','your','that']))
    || ' ' || pg_temp.pick('a' || i, array['sturdy','light','quiet','folding','woollen','enamelled','hand-made','repaired','waterproof','plain','heavy','narrow','tall','bright','reliable','second-hand'])
    || ' ' || pg_temp.pick('n' || i, array['lamp','kettle','tent','bicycle','shelf','coat','rucksack','saw','radio','chair','bowl','blanket','ladder','notebook','clock','basket'])
    || ' ' || pg_temp.pick('v' || i, array['arrived','survived','replaced','outlived','resembled','carried','warmed','lit','needed','surprised','accompanied','followed'])
    || ' ' || pg_temp.pick('p' || i, array['a long winter','two children','the old one','our garden','a week of rain','the third floor','my neighbour','a whole summer','the kitchen table','every expectation','a train journey','the workshop'])
    || ' ' || pg_temp.pick('q' || i, array['without complaint','within ' || (2 + i % 40) || ' days','for ' || (3 + i % 95) || ' euros less','as promised','despite the weather','at the second attempt','and still does','in one piece']) || '.' as sentence
from generate_series(0, 7999) as i;
create unique index on sentences (id);
analyze sentences;

-- A lookup for each sentence, not a join: a join would read all of them every time.
create function pg_temp.prose(seed text, length integer) returns text language sql stable as
$$
  select string_agg((select sentence from sentences where id = pg_temp.dice(seed || '/' || i, 8000)), ' ' order by i)
  from generate_series(1, length) as i
$$;

create type order_state as enum ('basket', 'placed', 'paid', 'shipped', 'delivered', 'returned');
create domain email_address as text check (value ~ '^[^@\s]+@[^@\s]+$');
create sequence invoice_number start 100000 increment 7;

create table countries (
  code character(2) primary key,
  name text not null unique,
  vat_rate numeric(4, 2) not null check (vat_rate between 0 and 30)
);

create table customers (
  id integer generated always as identity primary key,
  email email_address not null unique,
  name text not null,
  country character(2) not null references countries,
  newsletter boolean not null default false,
  preferences jsonb not null default '{}',
  joined_at timestamptz not null
);

create table addresses (
  id integer generated always as identity primary key,
  customer_id integer not null references customers on delete cascade,
  kind text not null check (kind in ('invoice', 'delivery')),
  street text not null,
  postcode text not null,
  city text not null,
  country character(2) not null references countries
);

create table categories (
  id integer primary key,
  parent_id integer references categories,
  name text not null,
  unique (parent_id, name)
);

create table suppliers (
  id integer primary key,
  name text not null,
  country character(2) not null references countries,
  contact email_address not null,
  terms text not null
);

create table products (
  id integer generated always as identity primary key,
  sku text not null unique,
  name text not null,
  description text not null,
  category_id integer not null references categories,
  supplier_id integer not null references suppliers,
  price numeric(10, 2) not null check (price > 0),
  price_with_vat numeric(10, 2) generated always as (round(price * 1.19, 2)) stored,
  attributes jsonb not null,
  tags text[] not null,
  discontinued_on date
);

create table product_images (
  id integer generated always as identity primary key,
  product_id integer not null references products on delete cascade,
  position smallint not null,
  media_type text not null,
  thumbnail bytea not null,
  unique (product_id, position)
);

create table inventory (
  product_id integer primary key references products,
  in_stock integer not null check (in_stock >= 0),
  reserved integer not null default 0,
  shelf text not null,
  counted_at timestamptz not null
);

create table orders (
  id bigint generated always as identity primary key,
  customer_id integer not null references customers,
  address_id integer not null references addresses,
  state order_state not null,
  invoice bigint not null default nextval('invoice_number') unique,
  placed_at timestamptz not null,
  remark text
);

create table order_lines (
  order_id bigint not null references orders on delete cascade,
  line smallint not null,
  product_id integer not null references products,
  quantity smallint not null check (quantity between 1 and 99),
  unit_price numeric(10, 2) not null,
  primary key (order_id, line)
);

create table payments (
  id uuid primary key,
  order_id bigint not null references orders,
  method text not null,
  amount numeric(12, 2) not null,
  paid_at timestamptz not null
);

create table shipments (
  id integer generated always as identity primary key,
  order_id bigint not null references orders,
  carrier text not null,
  tracking text not null unique,
  weight_grams integer not null,
  sent_from inet,
  travelling tstzrange not null
);

create table reviews (
  id integer generated always as identity primary key,
  product_id integer not null references products,
  customer_id integer not null references customers,
  stars smallint not null check (stars between 1 and 5),
  title text not null,
  body text not null,
  search tsvector generated always as (to_tsvector('english', title || ' ' || body)) stored,
  written_at timestamptz not null
);

create table events (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  payload jsonb not null
);

insert into countries
select chr(65 + i / 10) || chr(65 + i % 10), 'Country ' || i, 5 + i % 20 from generate_series(0, 59) as i;

insert into customers (email, name, country, newsletter, preferences, joined_at)
select 'person' || i || '@example.' || pg_temp.pick('tld' || i, array['com', 'org', 'net']),
  pg_temp.pick('first' || i, array['Ada','Alan','Anna','Bela','Chiara','Dmitri','Elif','Fatou','Grace','Hiro','Ines','Jörg','Kofi','Léa','Mei','Noor','Olu','Paweł','Rosa','Søren'])
    || ' ' || pg_temp.pick('last' || i, array['Abbott','Berg','Costa','Dahl','Eriksen','Ferrari','García','Haddad','Ito','Jansen','Kowalski','Lindqvist','Müller','Novák','Okafor','Petit','Rossi','Sato','Tanaka','Weber']),
  chr(65 + pg_temp.dice('c' || i, 60) / 10) || chr(65 + pg_temp.dice('c' || i, 60) % 10),
  pg_temp.dice('n' || i, 3) = 0,
  jsonb_build_object('language', pg_temp.pick('l' || i, array['en','de','fr','it','es']), 'theme', pg_temp.pick('t' || i, array['light','dark']), 'sizes', jsonb_build_array(pg_temp.dice('s' || i, 20) + 34, pg_temp.dice('u' || i, 5))),
  timestamptz '2022-01-01 08:00:00+00' + make_interval(mins => i * 311)
from generate_series(1, 4000) as i;

insert into addresses (customer_id, kind, street, postcode, city, country)
select 1 + (i - 1) % 4000, case when i <= 4000 then 'invoice' else 'delivery' end,
  pg_temp.pick('street' || i, array['Mill Lane','Station Road','Harbour Street','Church Row','Garden Walk','Canal Side']) || ' ' || 1 + pg_temp.dice('h' || i, 180),
  lpad(pg_temp.dice('z' || i, 99999)::text, 5, '0'),
  pg_temp.pick('city' || i, array['Ashford','Brixen','Calais','Delft','Évora','Faro','Gdańsk','Hamar','Ischia','Jena']),
  c.country
from generate_series(1, 4800) as i join customers c on c.id = 1 + (i - 1) % 4000
order by i;

insert into categories
select i, case when i > 8 then 1 + (i - 9) % 8 end, 'Category ' || i from generate_series(1, 50) as i;

insert into suppliers
select i, pg_temp.pick('s' || i, array['North','Old Town','Riverside','Upland','Harbour']) || ' ' || pg_temp.pick('k' || i, array['Works','Trading','Mill','Brothers','Foundry']) || ' ' || i,
  chr(65 + i % 60 / 10) || chr(65 + i % 10), 'sales@supplier' || i || '.example', pg_temp.prose('terms' || i, 3)
from generate_series(1, 200) as i;

insert into products (sku, name, description, category_id, supplier_id, price, attributes, tags, discontinued_on)
select 'SKU-' || lpad(i::text, 6, '0'), initcap(pg_temp.pick('pa' || i, array['sturdy','light','folding','woollen','plain','tall'])) || ' ' || pg_temp.pick('pn' || i, array['lamp','kettle','tent','shelf','coat','chair']) || ' ' || i,
  pg_temp.prose('product' || i, 28), 9 + i % 42, 1 + i % 200, round((1.5 + pg_temp.dice('price' || i, 40000) / 100.0)::numeric, 2),
  jsonb_build_object('colour', pg_temp.pick('col' || i, array['red','green','blue','black','oak']), 'grams', 50 + pg_temp.dice('g' || i, 9000), 'size', jsonb_build_object('w', pg_temp.dice('w' || i, 200), 'h', pg_temp.dice('hh' || i, 200))),
  array['tag' || i % 17, 'tag' || i % 5], case when i % 23 = 0 then date '2026-03-01' + i % 90 end
from generate_series(1, 1500) as i;

insert into product_images (product_id, position, media_type, thumbnail)
select 1 + (i - 1) % 1500, 1 + (i - 1) / 1500, 'image/webp',
  decode((select string_agg(md5('image' || i || '/' || part), '' order by part) from generate_series(1, 40) as part), 'hex')
from generate_series(1, 2000) as i;

insert into inventory
select i, pg_temp.dice('stock' || i, 400), pg_temp.dice('res' || i, 9), chr(65 + i % 20) || '-' || i % 77, timestamptz '2026-11-01 06:00:00+00' + make_interval(secs => i)
from generate_series(1, 1500) as i;

insert into orders (customer_id, address_id, state, placed_at, remark)
select 1 + pg_temp.dice('oc' || i, 4000), 1 + pg_temp.dice('oc' || i, 4000),
  (array['basket','placed','paid','shipped','delivered','delivered','delivered','returned'])[1 + i % 8]::order_state,
  timestamptz '2025-01-01 00:00:00+00' + make_interval(mins => i * 117),
  case when i % 4 = 0 then pg_temp.prose('remark' || i, 2) end
from generate_series(1, 8000) as i;

insert into order_lines
select 1 + (i - 1) / 2, 1 + (i - 1) % 2, p.id, 1 + pg_temp.dice('qty' || i, 6), p.price
from generate_series(1, 16000) as i join products p on p.id = 1 + pg_temp.dice('ol' || i, 1500);

insert into payments
select md5('payment' || i)::uuid, i + 1000, pg_temp.pick('m' || i, array['card','transfer','voucher','wallet']),
  (select sum(quantity * unit_price) from order_lines where order_id = i + 1000), o.placed_at + interval '7 minutes'
from generate_series(1, 6000) as i join orders o on o.id = i + 1000;

insert into shipments (order_id, carrier, tracking, weight_grams, sent_from, travelling)
select i * 2, pg_temp.pick('car' || i, array['Heron','Otter Post','Rail Parcel']), upper(substr(md5('track' || i), 1, 18)), 200 + pg_temp.dice('wt' || i, 22000),
  ('10.' || i % 200 || '.7.' || i % 250)::inet, tstzrange(o.placed_at + interval '1 day', o.placed_at + make_interval(days => 2 + i % 6))
from generate_series(1, 3000) as i join orders o on o.id = i * 2
order by i;

insert into reviews (product_id, customer_id, stars, title, body, written_at)
select 1 + pg_temp.dice('rp' || i, 1500), 1 + pg_temp.dice('rc' || i, 4000), 1 + pg_temp.dice('st' || i, 5), pg_temp.prose('title' || i, 1), pg_temp.prose('review' || i, 14),
  timestamptz '2025-06-01 09:00:00+00' + make_interval(mins => i * 331)
from generate_series(1, 2200) as i;

insert into events (at, kind, payload)
select timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => i * 9001), pg_temp.pick('ek' || i, array['search','view','basket','checkout']),
  jsonb_build_object('session', md5('session' || i / 5), 'path', '/product/' || pg_temp.dice('pp' || i, 1500), 'agent', pg_temp.pick('ag' || i, array['Mozilla/5.0 (X11; Linux x86_64)','Mozilla/5.0 (Macintosh)','Mozilla/5.0 (Windows NT 10.0)']),
    'seen', (select jsonb_agg(jsonb_build_object('product', pg_temp.dice(i || 'seen' || k, 1500), 'ms', pg_temp.dice(i || 'ms' || k, 9000), 'note', pg_temp.prose(i || 'note' || k, 1))) from generate_series(1, 12) as k))
from generate_series(1, 3000) as i;

create index on customers (country, joined_at);
create index on customers (lower(name));
create index on addresses (customer_id);
create index on products using gin (attributes);
create index on products using gin (tags);
create index on products (category_id) where discontinued_on is null;
create index on product_images (product_id);
create index on orders (customer_id, placed_at desc);
create index on orders (state) where state in ('basket', 'placed', 'paid');
create index on order_lines (product_id);
create index on payments (order_id);
create index on shipments using gist (travelling);
create index on reviews using gin (search);
create index on events (kind, at);
create index on events using gin (payload jsonb_path_ops);

create view order_totals as
select o.id, o.customer_id, o.state, o.placed_at, sum(l.quantity * l.unit_price) as total
from orders o join order_lines l on l.order_id = o.id group by o.id;

create materialized view sales_by_month as
select date_trunc('month', placed_at at time zone 'UTC')::date as month, count(*) as orders, sum(total) as revenue
from order_totals where state <> 'basket' group by 1;

create function touch_inventory() returns trigger language plpgsql as
$$ begin new.counted_at := now(); return new; end $$;
create trigger inventory_counted before update of in_stock on inventory for each row execute function touch_inventory();

create function customer_revenue(customer integer) returns numeric language sql stable as
$$ select coalesce(sum(total), 0) from public.order_totals where customer_id = customer and state <> 'basket' $$;

comment on table orders is 'One row for each basket, from the first click to the return.';
comment on column products.attributes is 'Free-form facts about a product: colour, grams, size.';
