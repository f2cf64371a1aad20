create table t(a integer, b text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 300000)
  insert into t select x * 7919 % 100003, hex(randomblob(8)) from c;
create index i on t(b);
select count(*), sum(a) from t where b like '%AB%';
select count(*) from t x join t y on x.b = y.b;
select b from t order by a, b limit 1;
with recursive f(n, a, b) as (select 1, 0, 1 union all select n + 1, b, (a + b) % 1000007 from f where n < 500000)
  select max(a) from f;
drop table t;
