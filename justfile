# What CI runs, step by step.

# Everything that CI checks.
check:
    bash .ci/run

# The tests alone.
test:
    cargo test

# The service with simulated shoppers.
demo:
    cargo run --release -- serve --demo

# The ladder of costs: from an empty gRPC call to a durable decision.
bench:
    cargo bench --bench ladder

# The group commit beside a plain file.
bench-commit:
    cargo bench --bench group_commit
