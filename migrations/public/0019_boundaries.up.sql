-- The versions of a set before which a transaction has to end, beside those that its files mark: null = not
-- learnt yet. They depend on the server's version, as what the set makes does.
alter table tenantry.promises add column boundaries text[];
