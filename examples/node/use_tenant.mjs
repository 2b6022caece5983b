// Uses a tenant from the application's own pool: `node use_tenant.mjs acme.example other.example`.
// APP_DATABASE_URL is the application's login, TENANTRY_URL and TENANTRY_TOKEN are the API's.
import pg from 'pg'

// A transaction as the tenant. Role and path end with it, so it works behind a pooler too.
async function asTenant(pool, tenant, work) {
  const db = await pool.connect()
  try {
    await db.query('begin')
    // SET LOCAL ROLE and SET LOCAL search_path, with parameters
    await db.query("select set_config('role', $1, true), set_config('search_path', quote_ident($2), true)",
      [tenant.role_name, tenant.schema_name])
    const result = await work(db)
    await db.query('commit')
    return result
  } catch (error) {
    await db.query('rollback')
    throw error
  } finally {
    db.release()
  }
}

async function find(domain) {
  const url = `${process.env.TENANTRY_URL}/api/v1/tenants?domain=${encodeURIComponent(domain)}`
  const answer = await fetch(url, { headers: { authorization: `Bearer ${process.env.TENANTRY_TOKEN}` } })
  return (await answer.json()).tenants[0]
}

const [own, other] = await Promise.all(process.argv.slice(2, 4).map(find))
const pool = new pg.Pool({ connectionString: process.env.APP_DATABASE_URL })
await asTenant(pool, own, async db => {
  await db.query('insert into person (email, full_name) values ($1, $2)', ['ada@example.com', 'Ada'])
  const { rows } = await db.query('select count(*) from person')
  console.log(own.schema_name, 'has', rows[0].count, 'person')
})
const theirs = `select full_name from ${pg.escapeIdentifier(other.schema_name)}.person`
const refused = await asTenant(pool, own, db => db.query(theirs)).then(() => null, error => error)
await pool.end()
if (refused?.code !== '42501') throw refused ?? new Error("another tenant's table was read")
console.log('refused:', refused.message)
