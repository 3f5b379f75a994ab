//! A pattern as the tree along which a match is divided among the pattern's groups, with the preferences that decide
//! how.
//!
//! A quantified part prefers longer or shorter texts as its quantifier says; a sequence prefers what the first of its
//! parts with a preference does; alternatives prefer the longer one. Parts without groups stay together as long as
//! their preferences agree; from the first one on that has a group, or another preference, each part is divided from
//! what follows.

use crate::postgres::error::ValueResult;

use super::program::{Compiler, Program};
use super::syntax::{Ast, Preference, Repeat};

/// A part of a pattern that a part of a match belongs to.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) kind: Kind,
    /// The group that gets what this part matches.
    pub(super) group: Option<usize>,
    pub(super) traits: Traits,
    pub(super) program: Program,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Not to be divided further.
    Leaf,
    /// One part and what follows it.
    Pair(Box<Tree>, Box<Tree>),
    Alternatives(Vec<Tree>),
    Iteration {
        content: Box<Tree>,
        min: u32,
        max: Option<u32>,
    },
    BackReference {
        group: usize,
        min: u32,
        max: Option<u32>,
    },
}

/// What a part hands on to those around it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traits {
    pub(super) preference: Option<Preference>,
    /// Parts below differ in their preferences.
    is_mixed: bool,
    pub(super) has_groups: bool,
    pub(super) has_back_references: bool,
}

impl Traits {
    fn preferring(preference: Option<Preference>) -> Self {
        Self { preference, ..Self::default() }
    }

    /// What a sequence of two parts is.
    fn and(self, other: Self) -> Self {
        let differ = matches!((self.preference, other.preference), (Some(one), Some(another)) if one != another);
        Self {
            preference: self.preference.or(other.preference),
            is_mixed: self.is_mixed || other.is_mixed || differ,
            has_groups: self.has_groups || other.has_groups,
            has_back_references: self.has_back_references || other.has_back_references,
        }
    }

    /// Whether a match has to be divided for such a part.
    fn is_messy(self) -> bool {
        self.is_mixed || self.has_groups || self.has_back_references
    }

    /// Whether dividing a match can tell anything.
    pub(super) fn is_divided(self) -> bool {
        self.has_groups || self.has_back_references
    }
}

/// Makes the tree of a pattern.
pub(super) fn build(ast: &Ast, compiler: &mut Compiler<'_>) -> ValueResult<Tree> {
    match ast {
        Ast::Alternatives(branches) => {
            let mut traits = Traits::preferring(Some(Preference::Longer));
            let mut trees = Vec::with_capacity(branches.len());
            for branch in branches {
                let tree = build(branch, compiler)?;
                // A branch's own preference ends with it.
                traits = traits.and(Traits { preference: None, ..tree.traits });
                trees.push(tree);
            }
            let kind = if traits.is_messy() { Kind::Alternatives(trees) } else { Kind::Leaf };
            Ok(Tree { kind, group: None, traits, program: compiler.compile(ast)? })
        }
        Ast::Concat(parts) => sequence(parts, compiler),
        single => sequence(std::slice::from_ref(single), compiler),
    }
}

fn sequence(parts: &[Ast], compiler: &mut Compiler<'_>) -> ValueResult<Tree> {
    let mut together = Traits::default();
    for (index, part) in parts.iter().enumerate() {
        let (atom, min, max, preference) = match part {
            Ast::Repeat(repeat) => (&repeat.atom, repeat.min, repeat.max, repeat.preference),
            other => (other, 1, Some(1), None),
        };
        if max == Some(0) || matches!(atom, Ast::Assertion(_) | Ast::Look(_)) {
            continue;
        }
        let is_captured = matches!(atom, Ast::Group { number: Some(_), .. });
        let atom_tree = match atom {
            Ast::Group { number, content } => {
                let tree = build(content, compiler)?;
                Some(match number {
                    Some(number) => captured(tree, *number, content, compiler)?,
                    None => tree,
                })
            }
            _ => None,
        };
        let is_reference = matches!(atom, Ast::BackReference(_));
        let atom_traits = match &atom_tree {
            Some(tree) => tree.traits,
            None => Traits { has_back_references: is_reference, ..Traits::default() },
        };
        let own = Traits::preferring(preference);
        let with_part = together.and(own).and(atom_traits);
        if !is_captured && !is_reference && !with_part.is_messy() {
            together = with_part;
            continue;
        }
        let atom_tree = match (atom, atom_tree) {
            (Ast::BackReference(group), _) => {
                let kind = Kind::BackReference { group: *group, min, max };
                let traits = own.and(atom_traits);
                Tree { kind, group: None, traits, program: compiler.compile(part)? }
            }
            (_, Some(tree)) => quantified(tree, part, compiler)?,
            (_, None) => {
                let tree =
                    Tree { kind: Kind::Leaf, group: None, traits: atom_traits, program: compiler.compile(atom)? };
                quantified(tree, part, compiler)?
            }
        };
        let following = parts.get(index + 1..).unwrap_or_default();
        let mut tree = atom_tree;
        if !following.is_empty() {
            let rest = sequence(following, compiler)?;
            // A quantifier that changes nothing of its atom still has its say in what the sequence prefers.
            let traits = own.and(atom_traits).and(rest.traits);
            let program = compiler.compile(&Ast::Concat(parts.get(index..).unwrap_or_default().to_vec()))?;
            tree = Tree { kind: Kind::Pair(Box::new(tree), Box::new(rest)), group: None, traits, program };
        }
        let leading = parts.get(..index).unwrap_or_default();
        if !leading.is_empty() {
            let program = compiler.compile(&Ast::Concat(leading.to_vec()))?;
            let head = Tree { kind: Kind::Leaf, group: None, traits: together, program };
            let traits = together.and(tree.traits);
            let program = compiler.compile(&Ast::Concat(parts.to_vec()))?;
            tree = Tree { kind: Kind::Pair(Box::new(head), Box::new(tree)), group: None, traits, program };
        }
        return Ok(tree);
    }
    let program = compiler.compile(&Ast::Concat(parts.to_vec()))?;
    Ok(Tree { kind: Kind::Leaf, group: None, traits: together, program })
}

fn captured(tree: Tree, number: usize, content: &Ast, compiler: &mut Compiler<'_>) -> ValueResult<Tree> {
    let traits = Traits { has_groups: true, ..tree.traits };
    if tree.group.is_none() {
        return Ok(Tree { group: Some(number), traits, ..tree });
    }
    // Parentheses right within parentheses: what follows is nothing, and both get the same.
    let program = compiler.compile(content)?;
    let nothing =
        Tree { kind: Kind::Leaf, group: None, traits: Traits::default(), program: compiler.compile(&Ast::EMPTY)? };
    Ok(Tree { kind: Kind::Pair(Box::new(tree), Box::new(nothing)), group: Some(number), traits, program })
}

/// A part with its quantifier, given the tree of what is quantified.
fn quantified(tree: Tree, part: &Ast, compiler: &mut Compiler<'_>) -> ValueResult<Tree> {
    let Ast::Repeat(repeat) = part else { return Ok(tree) };
    let Repeat { atom, min, max, preference } = repeat.as_ref();
    let inner = tree.traits;
    let is_vacuous = preference.is_none()
        || inner.preference.is_none() && !inner.is_mixed
        || *preference == inner.preference && !inner.is_mixed;
    if *min == 1 && *max == Some(1) && is_vacuous {
        return Ok(tree);
    }
    let traits = Traits::preferring(*preference).and(inner);
    let program = compiler.compile(part)?;
    if !inner.is_divided() {
        return Ok(Tree { kind: Kind::Leaf, group: None, traits, program });
    }
    let kind = if *min > 0 && !inner.has_back_references {
        // Groups get what the last repetition matches; those before it need not be told apart.
        let earlier = Ast::Repeat(Box::new(Repeat {
            atom: atom.clone(),
            min: min - 1,
            max: max.map(|max| max.saturating_sub(1)),
            preference: *preference,
        }));
        let earlier = Tree {
            kind: Kind::Leaf,
            group: None,
            traits: Traits::preferring(traits.preference),
            program: compiler.compile(&earlier)?,
        };
        Kind::Pair(Box::new(earlier), Box::new(tree))
    } else {
        Kind::Iteration { content: Box::new(tree), min: *min, max: *max }
    };
    Ok(Tree { kind, group: None, traits, program })
}
