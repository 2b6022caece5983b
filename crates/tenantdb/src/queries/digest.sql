-- A row for each schema in which there is something: a hash of all of it, in which its own name counts as `@`.
select 'digest', x.n, encode(sha256(convert_to(string_agg(x.text, e'\n' order by x.text collate "C"), 'UTF8')), 'hex')
from (
    select t.n, replace(t.text, quote_ident(s.name) || '.', '@.')
    from ({rows}) t (n, text)
    join {subjects} on s.n = t.n
) x (n, text)
group by x.n
