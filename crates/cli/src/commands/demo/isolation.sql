-- Runs one query as a tenant's role. Role, query and schema come in, and the answer goes out, by
-- settings of the transaction: a DO block takes no parameters and returns nothing.
do $$
declare
    answer text;
begin
    perform set_config('role', current_setting('tenantry.demo_role'), true);
    execute format(current_setting('tenantry.demo_query'), current_setting('tenantry.demo_schema'))
        into answer;
    perform set_config('role', 'none', true);
    perform set_config('tenantry.demo_answer', coalesce(answer, ''), true);
end $$
