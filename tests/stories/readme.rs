//! README's commands, run in their order, and its answers.

use std::{collections::HashMap, path::Path, process::Stdio, time::Duration};

use reqwest::Method;
use serde_json::Value;

use super::support::{Client, Environment, Process, Ran, binary, within};

const README: &str = include_str!("../../README.md");

/// What README says where an answer is cut.
const CUT: char = '…';

/// How long a command may take.
const ENDS_IN: Duration = Duration::from_secs(60);

/// The blocks of README in `language`, each with its place.
fn blocks(language: &str) -> Vec<(usize, &'static str)> {
    let fence = format!("```{language}\n");
    README
        .match_indices(&fence)
        .map(|(at, fence)| {
            let text = &README[at + fence.len()..];
            (at, &text[..text.find("```").expect("a block has an end")])
        })
        .collect()
}

/// The one command that begins with `start`.
fn command(start: &str) -> (usize, &'static str) {
    let found = blocks("sh").into_iter().find(|(_, text)| text.contains(start));
    found.unwrap_or_else(|| panic!("README has no `{start}`"))
}

async fn shell(text: &str, dir: &Path) -> Ran {
    let programs = binary("tenantry").parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let mut command = tokio::process::Command::new("sh");
    command.args(["-ec", text]).env("PATH", path).current_dir(dir);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = within(text, ENDS_IN, command.output()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Sends what a curl command says, with its variables filled in.
async fn curl(text: &str, client: &Client, variables: &HashMap<&str, &str>) -> Value {
    let mut text = text.replace("\\\n", " ");
    for (name, value) in variables {
        text = text.replace(name, value);
    }
    let words = shlex::split(&text).expect("a shell can read it");
    let (mut headers, mut body, mut url) = (Vec::new(), None, None);
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => {}
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            "-d" => body = words.next(),
            other => url = Some(other),
        }
    }
    let path = url.unwrap().strip_prefix("http://127.0.0.1:8080").unwrap();
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = client.send(request.body(body.cloned().unwrap_or_default())).await;
    serde_json::from_str(&answer.text).unwrap()
}

/// Whether `told` is `shown`, of which parts may be cut.
fn agrees(shown: &Value, told: &Value) -> bool {
    match (shown, told) {
        (Value::String(shown), _) if shown.starts_with(CUT) => true,
        (Value::String(shown), Value::String(told)) if shown.contains(CUT) => {
            let (start, end) = shown.split_once(CUT).unwrap();
            told.starts_with(start) && told.ends_with(end)
        }
        (Value::Object(shown), Value::Object(told)) => {
            shown.len() == told.len()
                && shown
                    .iter()
                    .all(|(name, value)| told.get(name).is_some_and(|it| agrees(value, it)))
        }
        (Value::Array(shown), Value::Array(told)) => {
            shown.len() == told.len() && shown.iter().zip(told).all(|(a, b)| agrees(a, b))
        }
        _ => shown == told,
    }
}

#[tokio::test]
async fn the_commands_of_readme_do_what_it_says() {
    let dir = super::demo_and_dev::open_dir();
    let (_, starts) = command("tenantry dev");
    assert!(starts.lines().any(|line| line == "tenantry dev") && README.contains(" -- demo\n```"));
    let args = ["dev", "--port", "0"];
    let mut dev = Process::spawn("tenantry", &args, "dev", dir.path(), &Environment::new());
    let ready = dev.until_ready(&dir.path().join(".tenantry/ready.json")).await;
    let text = |field: &str| ready[field].as_str().unwrap().to_owned();
    let (url, token) = (text("url"), text("token"));

    let submitted = shell(command("tenantry submit").1, dir.path()).await;
    let (at, batch) = command("/api/v1/tenants/batch");
    let variables = HashMap::from([("$TOKEN", token.as_str())]);
    let told = curl(batch, &Client::anonymous(&url), &variables).await;
    let shown = blocks("json").into_iter().find(|(place, _)| *place > at).unwrap().1;
    let shown: Value = serde_json::from_str(&shown.replace(":…", ":\"…\"")).unwrap();
    let connected = shell(command("tenantry tenant connect").1, dir.path()).await;

    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    assert!(agrees(&shown, &told), "README: {shown}\nis: {told}");
    assert_eq!(connected.code, Some(0), "{connected:?}");
    assert!(
        connected.out.starts_with("postgres") && connected.out.contains("_1:"),
        "{connected:?}"
    );
    dev.terminate(ENDS_IN).await;
}

#[test]
fn every_page_that_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let links = README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());

    for link in links.filter(|link| !link.starts_with("http")) {
        let page = link.split('#').next().unwrap();
        assert!(root.join(page).exists(), "{link}");
    }
    assert!(README.lines().count() <= 150, "README has {} lines", README.lines().count());
}
