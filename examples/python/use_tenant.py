"""Uses a tenant from the application's own pool: `use_tenant.py acme.example other.example`.
APP_DATABASE_URL is the application's login, TENANTRY_URL and TENANTRY_TOKEN are the API's."""
import contextlib, json, os, sys, urllib.parse, urllib.request
from psycopg import errors, sql
from psycopg_pool import ConnectionPool

@contextlib.contextmanager
def as_tenant(pool, tenant):
    """A transaction as the tenant. Role and path end with it, so it works behind a pooler too."""
    with pool.connection() as db, db.transaction():
        # SET LOCAL ROLE and SET LOCAL search_path, with parameters
        db.execute("select set_config('role', %s, true), set_config('search_path', quote_ident(%s), true)",
                   (tenant["role_name"], tenant["schema_name"]))
        yield db

def find(domain):
    url = f"{os.environ['TENANTRY_URL']}/api/v1/tenants?domain={urllib.parse.quote(domain)}"
    call = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['TENANTRY_TOKEN']}"})
    return json.load(urllib.request.urlopen(call))["tenants"][0]

own, other = find(sys.argv[1]), find(sys.argv[2])
with ConnectionPool(os.environ["APP_DATABASE_URL"]) as pool:
    with as_tenant(pool, own) as db:
        db.execute("insert into person (email, full_name) values (%s, %s)", ("ada@example.com", "Ada"))
        print(own["schema_name"], "has", db.execute("select count(*) from person").fetchone()[0], "person")
    try:
        with as_tenant(pool, own) as db:
            db.execute(sql.SQL("select full_name from {}.person").format(sql.Identifier(other["schema_name"])))
    except errors.InsufficientPrivilege as refused:
        print("refused:", refused)
    else:
        sys.exit("another tenant's table was read")
