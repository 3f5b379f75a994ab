//! Sessions: what clients have said once for all their queries. A client that says nothing has none. One is for the
//! principal that has made it; to anybody else its id is as unknown as one that there never was. Sessions end when they
//! are closed or idle for too long, and when there are too many, the one that has been idle for longest ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::cookie;
use super::random_id::RandomId;
use super::reason::{Reason, Told};
use super::session_options::OptionsOfSession;
use crate::auth::Principal;

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// How long one is kept that nobody uses.
    pub timeout: Duration,
    pub sessions: usize,
    pub sessions_of_principal: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60 * 60), sessions: 10_000, sessions_of_principal: 1_000 }
    }
}

/// The sessions of this server.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    limits: SessionLimits,
    open: Mutex<HashMap<RandomId, Session>>,
}

#[derive(Debug)]
struct Session {
    principal: String,
    options: OptionsOfSession,
    used: Instant,
}

impl Sessions {
    pub(super) fn new(limits: SessionLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// The options of the session that a client names; `None` when it names none.
    ///
    /// # Errors
    /// When there is no such session. Answers under other options than the client has set would be wrong.
    pub(super) fn options(
        &self,
        headers: &MetadataMap,
        principal: &Principal,
    ) -> Result<Option<OptionsOfSession>, Status> {
        let Some(name) = cookie::named(headers) else { return Ok(None) };
        self.find(name, principal, Instant::now(), |options| options.clone()).map(Some).ok_or_else(unknown)
    }

    /// Changes the options of the session that a client names. Where there is none, or it has ended, one is made if
    /// that leaves something to keep; then its id is given.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn change(
        &self,
        headers: &MetadataMap,
        principal: &Principal,
        mut change: impl FnMut(&mut OptionsOfSession),
    ) -> Result<Option<RandomId>, Status> {
        let now = Instant::now();
        if let Some(name) = cookie::named(headers)
            && self.find(name, principal, now, &mut change).is_some()
        {
            return Ok(None);
        }
        let mut options = OptionsOfSession::default();
        change(&mut options);
        if options == OptionsOfSession::default() {
            return Ok(None);
        }
        let id = RandomId::new()?;
        self.open(id, principal, options, now);
        Ok(Some(id))
    }

    /// Ends the session that a client names.
    ///
    /// # Errors
    /// When there is no such session.
    pub(super) fn close(&self, headers: &MetadataMap, principal: &Principal) -> Result<(), Status> {
        let name = cookie::named(headers).ok_or_else(|| none(Code::NotFound))?;
        // What has ended is not there.
        self.find(name, principal, Instant::now(), |_| ()).ok_or_else(unknown)?;
        RandomId::from_text(name).and_then(|id| self.lock().remove(&id)).map(|_| ()).ok_or_else(unknown)
    }

    /// Looks at a session, which is then no longer idle.
    fn find<T>(
        &self,
        name: &str,
        principal: &Principal,
        now: Instant,
        look: impl FnOnce(&mut OptionsOfSession) -> T,
    ) -> Option<T> {
        let id = RandomId::from_text(name)?;
        let mut open = self.lock();
        let session = open.get_mut(&id).filter(|session| session.principal == principal.name())?;
        if self.has_ended(session, now) {
            open.remove(&id);
            return None;
        }
        session.used = now;
        Some(look(&mut session.options))
    }

    fn open(&self, id: RandomId, principal: &Principal, options: OptionsOfSession, now: Instant) {
        let mut open = self.lock();
        open.retain(|_, session| !self.has_ended(session, now));
        let name = principal.name();
        let own = open.values().filter(|session| session.principal == name).count();
        if own >= self.limits.sessions_of_principal {
            end_idlest(&mut open, |session| session.principal == name);
        }
        if open.len() >= self.limits.sessions {
            end_idlest(&mut open, |_| true);
        }
        open.insert(id, Session { principal: name.to_owned(), options, used: now });
    }

    fn has_ended(&self, session: &Session, now: Instant) -> bool {
        now.saturating_duration_since(session.used) > self.limits.timeout
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RandomId, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the session, among some, that has been idle for longest.
fn end_idlest(open: &mut HashMap<RandomId, Session>, is_among: impl Fn(&Session) -> bool) {
    let among = open.iter().filter(|(_, session)| is_among(session));
    if let Some(id) = among.min_by_key(|(_, session)| session.used).map(|(id, _)| *id) {
        open.remove(&id);
    }
}

/// What a client is told that has no session.
pub(super) fn none(code: Code) -> Status {
    Told::new(code, Reason::UnknownSession)
        .status("there is no session; set an option, and send the cookie that comes with the answer")
}

/// What a client is told whose session is not there. It forgets the cookie, so that it is told once.
fn unknown() -> Status {
    let mut status = Told::new(Code::NotFound, Reason::UnknownSession)
        .status("the session has ended; set its options again, calls go by the defaults until then");
    cookie::take_back(status.metadata_mut());
    status
}

#[cfg(test)]
mod tests {
    use super::super::session_messages::OptionValue;
    use super::*;

    fn sessions(sessions: usize, sessions_of_principal: usize) -> Sessions {
        Sessions::new(SessionLimits { timeout: Duration::from_secs(60), sessions, sessions_of_principal })
    }

    fn options() -> OptionsOfSession {
        let mut options = OptionsOfSession::default();
        options.set("schema", Some(OptionValue::Text("sales".into())), |_| true).unwrap();
        options
    }

    fn opened(sessions: &Sessions, principal: &str, now: Instant) -> String {
        let id = RandomId::new().unwrap();
        sessions.open(id, &Principal::named(principal), options(), now);
        id.to_string()
    }

    fn is_there(sessions: &Sessions, name: &str, principal: &str, now: Instant) -> bool {
        sessions.find(name, &Principal::named(principal), now, |_| ()).is_some()
    }

    #[test]
    fn a_session_is_its_principals_alone() {
        let (sessions, now) = (sessions(9, 9), Instant::now());
        let name = opened(&sessions, "a", now);
        assert!(is_there(&sessions, &name, "a", now));
        for (name, principal) in [(name.as_str(), "b"), (name.as_str(), ""), ("x", "a"), ("", "a")] {
            assert!(!is_there(&sessions, name, principal, now), "{name} {principal}");
        }
        assert!(is_there(&sessions, &name, "a", now));
    }

    #[test]
    fn one_that_is_used_goes_on_and_one_that_is_idle_ends() {
        let (sessions, start) = (sessions(9, 9), Instant::now());
        let (used, idle) = (opened(&sessions, "a", start), opened(&sessions, "a", start));
        assert!(is_there(&sessions, &used, "a", start + Duration::from_secs(50)));
        assert!(is_there(&sessions, &used, "a", start + Duration::from_secs(100)));
        assert!(!is_there(&sessions, &idle, "a", start + Duration::from_secs(100)));
        opened(&sessions, "b", start + Duration::from_secs(200));
        assert_eq!(sessions.lock().len(), 1);
    }

    #[test]
    fn where_there_are_too_many_the_idlest_ends() {
        let (sessions, start) = (sessions(3, 2), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (first, second) = (opened(&sessions, "a", at(0)), opened(&sessions, "a", at(1)));
        assert!(is_there(&sessions, &first, "a", at(2)));
        let third = opened(&sessions, "a", at(3));
        assert!(!is_there(&sessions, &second, "a", at(3)));
        let (other, another) = (opened(&sessions, "b", at(4)), opened(&sessions, "b", at(5)));
        assert!(!is_there(&sessions, &first, "a", at(5)));
        for (name, principal) in [(&third, "a"), (&other, "b"), (&another, "b")] {
            assert!(is_there(&sessions, name, principal, at(5)));
        }
    }

    #[test]
    fn nothing_is_kept_for_who_sets_nothing() {
        let (sessions, principal, mut headers) = (sessions(9, 9), Principal::named("a"), MetadataMap::new());
        assert_eq!(sessions.options(&headers, &principal).unwrap(), None);
        assert_eq!(sessions.change(&headers, &principal, |_| ()).unwrap(), None);
        assert!(sessions.lock().is_empty());
        let id = sessions.change(&headers, &principal, |set| *set = options()).unwrap().unwrap();
        headers.insert("cookie", format!("arrow_flight_session_id={id}").parse().unwrap());
        assert_eq!(sessions.options(&headers, &principal).unwrap(), Some(options()));
        assert_eq!(sessions.change(&headers, &principal, |set| *set = OptionsOfSession::default()).unwrap(), None);
        sessions.close(&headers, &principal).unwrap();
        for status in [sessions.close(&headers, &principal), sessions.options(&headers, &principal).map(|_| ())] {
            let status = status.unwrap_err();
            assert_eq!(status.code(), Code::NotFound);
            assert!(status.metadata().get("set-cookie").is_some());
        }
    }
}
