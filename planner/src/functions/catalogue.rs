//! All functions and operators by name, and PostgreSQL's choice among those of one name
//! (<https://www.postgresql.org/docs/current/typeconv-func.html>, `func_select_candidate`).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::function::Function;
use crate::pg_type::{Category, PgType};
use crate::type_conversion::{can_coerce, common_type};

/// The functions and operators of a server.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    functions: HashMap<&'static str, Vec<Arc<Function>>>,
    operators: HashMap<&'static str, Vec<Arc<Function>>>,
}

/// What was chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) function: Arc<Function>,
    /// What the arguments are to be cast to.
    pub(crate) arguments: Vec<PgType>,
    pub(crate) returns: PgType,
}

/// Why nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotChosen {
    /// There is none of this name.
    UnknownName,
    /// None takes such arguments.
    NoneFits,
    /// Several do equally well.
    Ambiguous,
}

impl Catalogue {
    /// The one catalogue.
    pub(crate) fn get() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(super::all);
        &CATALOGUE
    }

    pub(super) fn add(&mut self, functions: impl IntoIterator<Item = Function>) {
        for function in functions {
            self.functions.entry(function.name).or_default().push(Arc::new(function));
        }
    }

    pub(super) fn add_operators(&mut self, operators: impl IntoIterator<Item = Function>) {
        for operator in operators {
            self.operators.entry(operator.name).or_default().push(Arc::new(operator));
        }
    }

    /// All functions of a name.
    pub(crate) fn functions(&self, name: &str) -> &[Arc<Function>] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of all functions.
    pub(crate) fn function_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.functions.keys().copied()
    }

    /// The function that a call with arguments of these types means.
    pub(crate) fn function(&self, name: &str, types: &[PgType]) -> Result<Chosen, NotChosen> {
        choose(self.functions(name), types, false)
    }

    /// The operator between, or before, operands of these types.
    pub(crate) fn operator(&self, symbol: &str, types: &[PgType]) -> Result<Chosen, NotChosen> {
        choose(self.operators.get(symbol).map_or(&[], Vec::as_slice), types, true)
    }
}

/// A function and the types of as many arguments as there are.
#[derive(Clone)]
struct Candidate<'a> {
    function: &'a Arc<Function>,
    types: Vec<PgType>,
}

fn choose(named: &[Arc<Function>], types: &[PgType], is_operator: bool) -> Result<Chosen, NotChosen> {
    if named.is_empty() {
        return Err(NotChosen::UnknownName);
    }
    let taking = |function| Some(Candidate { function, types: Function::argument_types(function, types.len())? });
    let candidates: Vec<Candidate<'_>> = named.iter().filter_map(taking).collect();
    let has_types = |candidate: &&Candidate<'_>, types: &[PgType]| {
        candidate.types == types && !candidate.types.iter().any(PgType::is_polymorphic)
    };
    if let Some(exact) = candidates.iter().find(|candidate| has_types(candidate, types)) {
        return resolved(exact, types).ok_or(NotChosen::NoneFits);
    }
    // Beside one operand of a known type, a text in quotes is first taken for the same.
    if let (true, [left, right]) = (is_operator, types) {
        let same = match (left, right) {
            (PgType::Unknown, known) | (known, PgType::Unknown) if *known != PgType::Unknown => Some(known),
            _ => None,
        };
        let alike = same.map(|known| [known.clone(), known.clone()]);
        if let Some(alike) = alike
            && let Some(exact) = candidates.iter().find(|candidate| has_types(candidate, &alike))
        {
            return resolved(exact, &alike).ok_or(NotChosen::NoneFits);
        }
    }
    // Beside an array it is an array, too.
    if let (true, [left, right]) = (is_operator, types)
        && let (PgType::Unknown, array @ PgType::Array(_)) | (array @ PgType::Array(_), PgType::Unknown) = (left, right)
    {
        let alike = [array.clone(), array.clone()];
        let takes_both = |candidate: &&Candidate<'_>| {
            candidate.types.iter().all(|to| matches!(to, PgType::AnyArray | PgType::AnyCompatibleArray))
        };
        if let Some(chosen) = candidates.iter().find(takes_both).and_then(|candidate| resolved(candidate, &alike)) {
            return Ok(chosen);
        }
    }
    let fits = |candidate: &Candidate<'_>| {
        types.iter().zip(&candidate.types).all(|(from, to)| can_coerce(from, to))
            && resolved(candidate, types).is_some()
    };
    let candidates: Vec<Candidate<'_>> = candidates.into_iter().filter(fits).collect();
    let best = select(candidates, types)?;
    resolved(&best, types).ok_or(NotChosen::NoneFits)
}

fn select<'a>(mut candidates: Vec<Candidate<'a>>, types: &[PgType]) -> Result<Candidate<'a>, NotChosen> {
    if candidates.len() > 1 {
        let is_known = |pg_type: &PgType| *pg_type != PgType::Unknown;
        let matching = |candidate: &Candidate<'_>, test: fn(&PgType, &PgType) -> bool| {
            types.iter().zip(&candidate.types).filter(|(from, to)| is_known(from) && test(from, to)).count()
        };
        keep_best(&mut candidates, |candidate| matching(candidate, |from, to| from == to));
        keep_best(&mut candidates, |candidate| {
            matching(candidate, |from, to| from == to || to.is_preferred() && from.category() == to.category())
        });
    }
    if candidates.len() > 1 && types.contains(&PgType::Unknown) {
        candidates = by_category(candidates, types);
    }
    if candidates.len() > 1 {
        // All known arguments are of one type: the others are taken for the same.
        let mut known = types.iter().filter(|pg_type| **pg_type != PgType::Unknown);
        if let Some(first) = known.next()
            && known.all(|other| other == first)
        {
            let takes = |candidate: &Candidate<'_>| candidate.types.iter().all(|to| can_coerce(first, to));
            let alike: Vec<_> = candidates.iter().filter(|candidate| takes(candidate)).cloned().collect();
            if alike.len() == 1 {
                candidates = alike;
            }
        }
    }
    let mut candidates = candidates.into_iter();
    match (candidates.next(), candidates.next()) {
        (None, _) => Err(NotChosen::NoneFits),
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(NotChosen::Ambiguous),
    }
}

fn keep_best<'a>(candidates: &mut Vec<Candidate<'a>>, score: impl Fn(&Candidate<'a>) -> usize) {
    let best = candidates.iter().map(&score).max().unwrap_or_default();
    candidates.retain(|candidate| score(candidate) == best);
}

/// Texts in quotes are taken for strings where a candidate takes strings, or else for what all candidates take.
fn by_category<'a>(candidates: Vec<Candidate<'a>>, types: &[PgType]) -> Vec<Candidate<'a>> {
    let mut chosen: Vec<Option<(Category, bool)>> = vec![];
    for (position, pg_type) in types.iter().enumerate() {
        if *pg_type != PgType::Unknown {
            chosen.push(None);
            continue;
        }
        let taken = || candidates.iter().filter_map(|candidate| candidate.types.get(position));
        let category = if taken().any(|to| to.category() == Category::String) {
            Some(Category::String)
        } else {
            let mut categories = taken().map(PgType::category);
            let first = categories.next();
            first.filter(|first| categories.all(|category| category == *first))
        };
        let Some(category) = category else { return candidates };
        let has_preferred = taken().any(|to| to.category() == category && to.is_preferred());
        chosen.push(Some((category, has_preferred)));
    }
    let fits = |candidate: &Candidate<'_>| {
        candidate.types.iter().zip(&chosen).all(|(to, chosen)| match chosen {
            Some((category, has_preferred)) => to.category() == *category && (!has_preferred || to.is_preferred()),
            None => true,
        })
    };
    let fitting: Vec<_> = candidates.iter().filter(|candidate| fits(candidate)).cloned().collect();
    if fitting.is_empty() { candidates } else { fitting }
}

/// The candidate with real types in place of those that stand for several; none when the arguments contradict each other.
fn resolved(candidate: &Candidate<'_>, types: &[PgType]) -> Option<Chosen> {
    let mut element: Option<PgType> = None;
    let mut compatible: Vec<PgType> = vec![];
    let settle = |own: PgType, element: &mut Option<PgType>| match (own, &element) {
        (PgType::Unknown, _) => true,
        (own, Some(known)) => own == *known,
        (own, None) => {
            *element = Some(own);
            true
        }
    };
    for (from, to) in types.iter().zip(&candidate.types) {
        let array_element = || match from {
            PgType::Array(own) => Some(own.as_ref().clone()),
            PgType::Unknown => Some(PgType::Unknown),
            _ => None,
        };
        let fits = match to {
            PgType::AnyElement => settle(from.clone(), &mut element),
            PgType::AnyNonArray => !matches!(from, PgType::Array(_)) && settle(from.clone(), &mut element),
            PgType::AnyArray => settle(array_element()?, &mut element),
            PgType::AnyCompatible => {
                compatible.push(from.clone());
                true
            }
            PgType::AnyCompatibleArray => {
                compatible.push(array_element()?);
                true
            }
            _ => true,
        };
        if !fits {
            return None;
        }
    }
    let element = element.unwrap_or(PgType::Text);
    let compatible = if compatible.is_empty() { PgType::Text } else { common_type(&compatible)? };
    let real = |to: &PgType, from: Option<&PgType>| match to {
        PgType::AnyElement | PgType::AnyNonArray => element.clone(),
        PgType::AnyArray => element.clone().array(),
        PgType::AnyCompatible => compatible.clone(),
        PgType::AnyCompatibleArray => compatible.clone().array(),
        PgType::Any => match from {
            None | Some(PgType::Unknown) => PgType::Text,
            Some(from) => from.clone(),
        },
        PgType::Array(inner) if inner.is_polymorphic() => match inner.as_ref() {
            PgType::AnyCompatible => compatible.clone().array(),
            _ => element.clone().array(),
        },
        other => other.clone(),
    };
    let arguments = candidate.types.iter().zip(types).map(|(to, from)| real(to, Some(from))).collect();
    let returns = real(&candidate.function.returns, None);
    Some(Chosen { function: Arc::clone(candidate.function), arguments, returns })
}
