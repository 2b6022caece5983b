//! The API behind a proxy that serves it below a path: nginx, with its defaults.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;

use super::support::{Client, System, eventually, tell, tenant};

/// How long nginx may take to answer.
const STARTS_IN: Duration = Duration::from_secs(30);

/// Where a client is that is not the proxy.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A running nginx. Ended when dropped.
struct Proxy {
    url: String,
    child: Child,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether nginx is installed.
fn is_there() -> bool {
    let version = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// nginx in `dir`, which serves the API at `upstream` below `/tenantry`.
async fn start(dir: &Path, upstream: &str) -> Proxy {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir_text = dir.display();
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {dir_text}/{name};\n"))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {dir_text}/nginx.pid; error_log stderr;
         events {{}}
         http {{
             access_log off;
             {temp}
             server {{
                 listen {free};
                 location /tenantry/ {{
                     proxy_pass {upstream}/;
                     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                 }}
             }}
         }}"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(&file).stdin(Stdio::null());
    command.stderr(fs::File::create(dir.join("nginx.log")).unwrap());
    let child = localpg::spawn_bound(command).expect("nginx starts");
    let proxy = Proxy { url: format!("http://{free}/tenantry"), child };
    eventually("nginx to answer", STARTS_IN, async || {
        tokio::net::TcpStream::connect(free).await.ok()
    })
    .await;
    proxy
}

#[tokio::test]
async fn behind_a_proxy_with_a_prefix_links_lead_back_and_the_audit_names_the_client() {
    if !is_there() {
        tell("skipped: nginx is not installed");
        return;
    }
    let settings = [
        ("TENANTRY__API__PUBLIC_PATH", "/tenantry"),
        ("TENANTRY__API__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let system = System::configured(1, &settings).await;
    let dir = tempfile::tempdir().unwrap();
    let proxy = start(dir.path(), &system.api.url).await;
    let root = proxy.url.trim_end_matches("/tenantry").to_owned();
    let client = Client::anonymous(&root).with_token(&system.token);

    let body = json!({ "tenants": [tenant(1)] });
    let elsewhere = reqwest::Client::builder().no_proxy().local_address(CLIENT).build().unwrap();
    let spoofed = elsewhere
        .post(format!("{}/api/v1/tenants/batch", proxy.url))
        .bearer_auth(&system.token)
        .header("x-forwarded-for", "203.0.113.7");
    let submitted = client.send(spoofed.json(&body)).await;
    let batch = submitted.json(202);
    let waited = [("prefer", "wait=3600")];
    let made = client.post("/tenantry/api/v1/tenants", &tenant(2), &waited).await;
    let description = client.get("/tenantry/openapi.json").await.json(200);
    let cli = system
        .cli(&["--url", &proxy.url, "--token", &system.token, "batch", "list", "--json"])
        .await;
    let large = json!({ "tenants": [tenant(3)], "x": "x".repeat(2 << 20) });
    let too_large = dir.path().join("large.json");
    fs::write(&too_large, json!({ "tenants": vec![large["x"].clone()] }).to_string()).unwrap();
    let file = too_large.to_str().unwrap();
    let refused =
        system.cli(&["--url", &proxy.url, "--token", &system.token, "submit", file]).await;

    for link in [submitted.header("location").unwrap(), batch["links"]["self"].as_str().unwrap()] {
        assert!(link.starts_with("/tenantry/api/v1/batches/"), "{link}");
        client.get(link).await.json(200);
    }
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("preference-applied"), Some("wait=45"));
    client.get(made.header("location").unwrap()).await.json(200);
    assert_eq!(description["servers"], json!([{ "url": "/tenantry" }]));
    assert_eq!(cli.code, Some(0), "{cli:?}");
    assert!(refused.err.contains("a proxy sent it"), "{refused:?}");
    let audited = "select address from tenantry.audit_log where action = 'operation.submitted'
                   order by id limit 1";
    let audited: String = sqlx::query_scalar(audited).fetch_one(&system.db.pool).await.unwrap();
    assert_eq!(audited, CLIENT.to_string(), "a client may not make up its address");
}
