//! Connects to servers that only pretend: both drivers, in all three wrappings, must say the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const SETTINGS_TIMEOUT: Duration = Duration::from_secs(10);

fn settings() -> ConnectionSettings {
    ConnectionSettings { password_file: None, connect_timeout: SETTINGS_TIMEOUT }
}

/// How a connection to a pretended server ends, for the catalogue, tokio-postgres and ConnectorX.
fn endings(url: &str, settings: &ConnectionSettings) -> [String; 3] {
    let database = Database::new(url, settings.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = |error: Option<ConnectionError>| error.map_or("connected".to_owned(), |error| error.to_string());
    [
        text(runtime.block_on(database.connect_catalogue()).err()),
        text(runtime.block_on(database.connect()).err()),
        text(database.connect_pooled().err()),
    ]
}

/// A server without TLS that refuses everybody with one SQLSTATE, or with none says nothing at all. It lasts
/// as long as the test's process.
fn pretended(sqlstate: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut silent = vec![];
        for stream in listener.incoming().flatten() {
            match sqlstate {
                Some(sqlstate) => drop(thread::spawn(move || refuse(stream, sqlstate))),
                None => silent.push(stream),
            }
        }
    });
    port
}

fn refuse(mut stream: TcpStream, sqlstate: &str) -> std::io::Result<()> {
    let mut length = [0; 4];
    loop {
        stream.read_exact(&mut length)?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize - length.len()];
        stream.read_exact(&mut message)?;
        if message != 80_877_103_u32.to_be_bytes() {
            break;
        }
        stream.write_all(b"N")?;
    }
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0Mcanary\0\0");
    let length = u32::try_from(fields.len() + length.len()).unwrap();
    stream.write_all(&[b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat())
}

fn url(port: u16, query: &str) -> String {
    format!("postgres://app:pw@127.0.0.1:{port}/shop?{query}")
}

#[test]
fn both_drivers_say_the_same() {
    for (sqlstate, expected) in [
        ("28P01", "refused the password; check the source's URL"),
        ("28000", "refused the role"),
        ("3D000", "has no database of that name"),
        ("53300", "has no connection left"),
        ("57P03", "is starting up or shutting down"),
        ("XX000", "refused the connection (SQLSTATE XX000)"),
    ] {
        for ending in endings(&url(pretended(Some(sqlstate)), ""), &settings()) {
            assert!(ending.starts_with(expected) && !ending.contains("canary"), "{sqlstate}: {ending}");
        }
    }
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let port = pretended(Some("28000"));
    let refused = endings(&url(port, "sslmode=require"), &settings());
    assert_eq!(refused, ["has no TLS, which sslmode asks for"; 3]);
    // What the server said without TLS tells more than that it has none.
    for mode in ["disable", "allow", "prefer"] {
        for ending in endings(&url(port, &format!("sslmode={mode}")), &settings()) {
            assert!(ending.starts_with("refused the role"), "{mode}: {ending}");
        }
    }
}

#[test]
fn nobody_there_is_said_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let endings = endings(&url(port, ""), &settings());
    assert_eq!(endings, ["cannot be reached (connection refused)"; 3]);
    assert!(began.elapsed() < SETTINGS_TIMEOUT);
}

#[test]
fn a_socket_that_is_missing_is_said() {
    let endings = endings("postgres://app@/shop?host=/no/such&sslmode=require", &settings());
    assert_eq!(endings, ["cannot be reached (entity not found)"; 3]);
}

#[test]
fn silence_ends_in_time() {
    let port = pretended(None);
    let settings = ConnectionSettings { connect_timeout: Duration::from_millis(200), ..settings() };
    for mode in ["disable", "prefer", "require"] {
        let endings = endings(&url(port, &format!("sslmode={mode}")), &settings);
        assert_eq!(endings, ["did not answer within 0.2 s"; 3], "{mode}");
    }
    let database = Database::new(&url(port, "connect_timeout=7"), settings).unwrap();
    assert_eq!(database.connect_timeout, Duration::from_secs(7));
}

#[test]
fn no_debug_text_holds_a_password() {
    let database = Database::new("postgres://app:canary@db/shop", settings()).unwrap();
    assert_eq!(format!("{database:?}"), "db/shop");
    let (address, password) = (format!("{:?}", database.address), database.password().unwrap());
    let config = format!("{:?}", database.pull_config(Encryption::Never, password.as_ref()));
    assert!(!address.contains("canary") && !config.contains("canary"), "{address} {config}");
}
