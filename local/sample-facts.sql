-- Tables, rows and bytes of the sample, as one line: 14|52310|34123456
select count(*),
  sum((xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %I.%I', schemaname, tablename), false, true, '')))[1]::text::bigint),
  pg_database_size(current_database())
from pg_tables where schemaname = 'public';
