# Short names for what one does here: `just test`. Without `just`, the commands are the recipes.

# What there is.
default:
    @just --list

# Describe the checked SQL anew, after a query or a migration in migrations/public changed.
sqlx:
    scripts/sqlx

# All tests: needs PostgreSQL's programs on the machine, and nothing running.
test:
    cargo test --workspace

# Format, lints and documentation, as CI demands them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# The whole system on this machine, on a sample batch; nothing is left behind.
demo *args:
    cargo run --release -- demo {{ args }}

# A running system to work against, until Ctrl-C.
dev *args:
    cargo run -- dev {{ args }}

# Provisioning through the whole system beside PostgreSQL's own limit, in tenants/s.
bench *args:
    cargo run --release -p bench -- {{ args }}

# Rounds of faults on a real system, with a table of what was done and what came of it:
# `just chaos ROUNDS=200`, `SECONDS=600`, `SEED=7`, `KIND=kill`, `SIZE=large`. See docs/RELIABILITY.md.
chaos *settings="ROUNDS=24":
    cargo build -p api -p worker -p cli
    env $(printf 'CHAOS_%s ' {{ settings }}) \
        cargo test -p tests --test chaos -- --nocapture rounds_of_any_kind_lose_nothing

# Everything a change must pass.
ci:
    .ci/run
