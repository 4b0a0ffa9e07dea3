//! What may happen, and how often.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;

use super::names::{CLIENTS, KeyKind, ORGANISATIONS, PEOPLE, Person, Place, WORKSPACES};
use super::state::{Bucket, Caller, State};

/// The APIs that hand out sessions to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `POST /v1/credentials`, and `GET /api/v1/org/…` for a workspace.
    Plain,
    Container,
    Sts,
}

/// Which session a person asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) place: Place,
    pub(super) dialect: Dialect,
    /// Not in the form of STS.
    pub(super) to_read: bool,
    /// An hour in place of twelve.
    pub(super) short: bool,
}

/// A row of a workspace's members: a subject through one client or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MemberRow {
    pub(super) workspace: usize,
    pub(super) person: Person,
    pub(super) any_client: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blocked {
    Owner(Place),
    Caller(Person),
    Client(usize),
}

/// Whose sessions are revoked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Revoked {
    Owner(Place),
    Caller(Person),
    ApiKey(Index),
    Session(Index),
    /// `POST /v1/credentials/revoke`
    Oneself(Person),
}

/// Who asks for the rotation of an access key.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    Owner,
    Stranger,
    /// The bearer of the key's capability token.
    Capability,
}

#[derive(Clone, Debug)]
pub(super) enum Transition {
    SignIn(Person),
    Ask(Person, Asked),
    /// While another process holds the database's lock: nothing can be recorded.
    AskUnrecorded(Person),
    /// A token whose end was changed, right after the genuine one was seen.
    Forge(Person),
    MakeApiKey(usize),
    RevokeApiKey(Index),
    AskOrganisation(Index, bool),
    /// Enables or disables an organisation.
    SetEnabled(usize, bool),
    /// With everything that it has except objects.
    DeleteOrganisation(usize),
    SetMember(MemberRow, bool),
    RemoveMember(MemberRow),
    DeleteWorkspace(usize),
    RestoreWorkspace(usize),
    /// For hours, or for good.
    Block(Blocked, Option<u32>),
    Unblock(Blocked),
    Revoke(Revoked),
    Erase(Person),
    MakeKey(KeyKind),
    Rotate(Index, By),
    /// Two rotations at once.
    RotateTwice(Index),
    DisableKey(Index),
    DeleteKey(Index),
    /// The store's administrator makes a bucket before its person comes.
    Squat(Person),
    /// An operator gives a person's bucket to an organisation and to its access key.
    GiveAway(Person),
    /// From now on, callers ask the other replica.
    Turn,
    /// The replica that is asked is stopped and started.
    Restart,
    /// The clocks of gateways and store jump ahead: minutes.
    Jump(u32),
}

/// Drawn from all that there could be, few transitions meet: some concern what there is.
pub(super) fn any_transition(state: &State) -> BoxedStrategy<Transition> {
    use Transition as T;
    let mut all = vec![(24, anything())];
    let acquainted = acquainted(state);
    if !acquainted.is_empty() {
        let guest = select(acquainted);
        let revoked = guest.clone().prop_flat_map(revoked_with);
        let guest = guest.prop_map(|(person, index)| (person, Place::Workspace(index)));
        all.push((6, asks(guest).boxed()));
        all.push((3, revoked.prop_map(T::Revoke).boxed()));
    }
    let squatted =
        |person: &Person| matches!(state.person(*person).bucket, Bucket::Squatted { .. });
    let squatted: Vec<Person> = Person::all().filter(squatted).collect();
    if !squatted.is_empty() {
        let owner = select(squatted).prop_map(|person| (person, Place::Own(person)));
        all.push((3, asks(owner).boxed()));
    }
    if !state.keys.is_empty() {
        all.push((3, any::<Index>().prop_map(T::RotateTwice).boxed()));
    }
    let members: Vec<MemberRow> = state.members.keys().copied().collect();
    if !members.is_empty() {
        all.push((3, select(members).prop_map(T::RemoveMember).boxed()));
    }
    // A deletion ends so much that a game has at most one.
    let with_keys = (0..ORGANISATIONS.len()).filter(|index| state.has_keys(*index));
    let with_keys: Vec<usize> = with_keys.collect();
    if !with_keys.is_empty() && !state.gone.contains(&true) {
        all.push((1, select(with_keys).prop_map(T::DeleteOrganisation).boxed()));
    }
    Union::new_weighted(all).boxed()
}

/// The members of workspaces, and who has a session of one.
fn acquainted(state: &State) -> Vec<(Person, usize)> {
    let members = state.members.keys();
    let members = members.map(|row| (row.person, row.workspace));
    let sessions = state.sessions.iter();
    let guests = sessions.filter_map(|session| match (session.caller, session.place) {
        (Caller::Person(person), Place::Workspace(index)) => Some((person, index)),
        _ => None,
    });
    members.chain(guests).collect()
}

fn anything() -> BoxedStrategy<Transition> {
    use Transition as T;
    let index = any::<Index>;
    prop_oneof![
        7 => person().prop_map(T::SignIn),
        20 => asks(any_place()),
        3 => person().prop_map(T::AskUnrecorded),
        5 => person().prop_map(T::Forge),
        2 => (0..ORGANISATIONS.len()).prop_map(T::MakeApiKey),
        1 => index().prop_map(T::RevokeApiKey),
        4 => (index(), any::<bool>()).prop_map(|(key, read)| T::AskOrganisation(key, read)),
        2 => (0..ORGANISATIONS.len(), prop::bool::weighted(0.7))
            .prop_map(|(organisation, to)| T::SetEnabled(organisation, to)),
        7 => (member(), any::<bool>()).prop_map(|(row, writes)| T::SetMember(row, writes)),
        3 => member().prop_map(T::RemoveMember),
        1 => (0..WORKSPACES.len()).prop_map(T::DeleteWorkspace),
        1 => (0..WORKSPACES.len()).prop_map(T::RestoreWorkspace),
        2 => (blocked(), prop::option::of(select(vec![60_u32, 360])))
            .prop_map(|(target, until)| T::Block(target, until)),
        3 => blocked().prop_map(T::Unblock),
        4 => revoked().prop_map(T::Revoke),
        1 => person().prop_map(T::Erase),
        2 => select(KeyKind::ALL.to_vec()).prop_map(T::MakeKey),
        4 => (index(), prop::bool::weighted(0.8)).prop_map(|(key, may)| T::Rotate(key, by(key, may))),
        2 => index().prop_map(T::RotateTwice),
        1 => index().prop_map(T::DisableKey),
        1 => index().prop_map(T::DeleteKey),
        3 => person().prop_map(T::Squat),
        1 => person().prop_map(T::GiveAway),
        15 => Just(T::Turn),
        1 => Just(T::Restart),
        2 => select(vec![30_u32, 180, 780]).prop_map(T::Jump),
    ]
    .boxed()
}

/// A stranger, or one of the two who may: not drawn, so that sequences stay what they were.
fn by(index: Index, may: bool) -> By {
    let has_capability = index.index(1000).is_multiple_of(2);
    match (may, has_capability) {
        (true, true) => By::Capability,
        (true, false) => By::Owner,
        (false, _) => By::Stranger,
    }
}

fn person() -> impl Strategy<Value = Person> {
    (0..PEOPLE).prop_map(Person)
}

fn any_place() -> impl Strategy<Value = (Person, Place)> {
    let workspace = prop::option::weighted(0.5, 0..WORKSPACES.len());
    (person(), workspace).prop_map(|(person, workspace)| {
        let place = workspace.map_or(Place::Own(person), Place::Workspace);
        (person, place)
    })
}

fn asks(who: impl Strategy<Value = (Person, Place)>) -> impl Strategy<Value = Transition> {
    let dialect = select(vec![Dialect::Plain, Dialect::Container, Dialect::Sts]);
    let narrowed = (prop::bool::weighted(0.3), prop::bool::weighted(0.2));
    (who, dialect, narrowed).prop_map(|((person, place), dialect, (to_read, short))| {
        let asked = Asked {
            place,
            dialect,
            to_read: to_read && dialect != Dialect::Sts,
            short,
        };
        Transition::Ask(person, asked)
    })
}

fn member() -> impl Strategy<Value = MemberRow> {
    (0..WORKSPACES.len(), person(), any::<bool>()).prop_map(|(workspace, person, any_client)| {
        // A row for any client is the same row for everyone of its subject.
        let first = |person: Person| Person::all().find(|one| one.is_same_subject(person));
        MemberRow {
            workspace,
            person: first(person).filter(|_| any_client).unwrap_or(person),
            any_client,
        }
    })
}

fn owned() -> impl Strategy<Value = Place> {
    let owned = Place::all().filter(|place| *place != Place::Data);
    select(owned.collect::<Vec<_>>())
}

fn blocked() -> impl Strategy<Value = Blocked> {
    prop_oneof![
        3 => owned().prop_map(Blocked::Owner),
        3 => person().prop_map(Blocked::Caller),
        1 => (0..CLIENTS.len()).prop_map(Blocked::Client),
    ]
}

/// Whoever of the two it is by, the person's sessions of the workspace end.
fn revoked_with((person, index): (Person, usize)) -> impl Strategy<Value = Revoked> {
    let workspace = Revoked::Owner(Place::Workspace(index));
    select(vec![
        workspace,
        Revoked::Caller(person),
        Revoked::Oneself(person),
    ])
}

fn revoked() -> impl Strategy<Value = Revoked> {
    prop_oneof![
        3 => owned().prop_map(Revoked::Owner),
        4 => person().prop_map(Revoked::Caller),
        1 => any::<Index>().prop_map(Revoked::ApiKey),
        3 => any::<Index>().prop_map(Revoked::Session),
        3 => person().prop_map(Revoked::Oneself),
    ]
}
