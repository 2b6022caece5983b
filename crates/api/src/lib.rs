//! The HTTP API: router, routes, problems, authentication, OpenAPI.
