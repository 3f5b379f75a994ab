//! Keys of texts, whose bytes sort as PostgreSQL's collations sort the texts (`postgres::collation`). What needs an
//! order compares the keys in place of the texts; where texts are equal only if their bytes are, equality does without.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use rail_forge_connectors::Collation as Description;

use super::column::{Array1, Bytea, as_list};
use super::growth::Growth;
use super::strict::{argument, result_of, udf1};
use crate::error::Error;
use crate::pg_type::{PgType, list_of};
use crate::postgres::collation::{Collation, Refused};
use crate::postgres::error::ValueResult;
use crate::postgres::json;

/// Collations whose rules are kept. To make some of ICU takes milliseconds, and a query can name hundreds.
const MAX_KEPT: usize = 64;

type Kept = HashMap<Description, std::result::Result<Option<Arc<TextOrder>>, Refused>>;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// An order of texts that is not that of their bytes.
#[derive(Debug)]
pub(crate) struct TextOrder {
    /// Two of the same are one order.
    identity: String,
    collation: Arc<Collation>,
    /// Whether it is the order of `jsonb` whose strings are ordered so.
    is_of_jsonb: bool,
}

impl TextOrder {
    /// The order of a collation; none where that is by bytes.
    pub(crate) fn of(description: &Description) -> std::result::Result<Option<Arc<Self>>, Refused> {
        if description.is_bytewise() {
            return Ok(None);
        }
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(description) {
            return known.clone();
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let order = Collation::of(description).map(|collation| {
            let Description { provider, locale, deterministic, .. } = description;
            let provider = format!("{provider:?}").to_lowercase();
            let equality = if *deterministic { "" } else { " nondeterministic" };
            let identity = format!("{provider} {locale}{equality}");
            Some(Arc::new(Self { identity, collation: Arc::new(collation), is_of_jsonb: false }))
        });
        kept.insert(description.clone(), order.clone());
        order
    }

    /// The order of `jsonb` in a database with this one. Its keys do not tell the value.
    pub(crate) fn of_jsonb(&self) -> Arc<Self> {
        let (identity, collation) = (format!("jsonb {}", self.identity), Arc::clone(&self.collation));
        Arc::new(Self { identity, collation, is_of_jsonb: true })
    }

    /// Whether texts are equal only if their bytes are. Their keys tell them then.
    pub(crate) fn is_bytewise_equal(&self) -> bool {
        self.collation.is_bytewise_equal()
    }

    /// The key of a text, or of an array of texts.
    pub(crate) fn key(self: &Arc<Self>, value: Expr) -> Expr {
        self.call(Form::Whole, value)
    }

    /// The array of the keys of an array's texts.
    pub(crate) fn keys_of_elements(self: &Arc<Self>, array: Expr) -> Expr {
        self.call(Form::Elements, array)
    }

    fn call(self: &Arc<Self>, form: Form, value: Expr) -> Expr {
        ScalarUDF::from(TextKey::new(Arc::clone(self), form)).call(vec![value])
    }

    fn keys(&self, texts: &ArrayRef) -> Result<BinaryViewArray> {
        let mut growth = Growth::of(&[ColumnarValue::Array(Arc::clone(texts))]);
        let texts = cast(texts, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        let mut keys = BinaryViewBuilder::with_capacity(texts.len());
        let mut key = vec![];
        for text in texts {
            match text {
                Some(text) => {
                    key.clear();
                    self.write_key(&mut key, text).map_err(Error::Value)?;
                    growth.add(key.len()).map_err(Error::Value)?;
                    keys.try_append_value(&key)?;
                }
                None => keys.append_null(),
            }
        }
        Ok(keys.finish())
    }

    fn write_key(&self, key: &mut Vec<u8>, value: &str) -> ValueResult<()> {
        if self.is_of_jsonb {
            return json::compare::write_sort_key_by(key, value, &|text, key| self.collation.sort_key(text, key));
        }
        self.collation.sort_key(value, key);
        Ok(())
    }
}

/// The text that a key is of. Only for an order in which texts are equal only if their bytes are.
pub(crate) fn text_of_key(key: Expr) -> Expr {
    static TEXT_OF_KEY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let text = |(): &mut (), key: &[u8]| Collation::text_of(key).map(str::to_owned);
        Arc::new(ScalarUDF::from(udf1::<(), Bytea, _, _>("text_of_key", text)))
    });
    TEXT_OF_KEY.call(vec![key])
}

/// The array of the texts that the keys of an array are of.
pub(crate) fn texts_of_keys(keys: Expr) -> Expr {
    static TEXTS_OF_KEYS: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let udf = udf1::<(), Array1<Bytea>, _, _>("texts_of_keys", |(), keys| {
            keys.iter().map(|key| key.and_then(Collation::text_of).map(str::to_owned)).collect::<Vec<_>>()
        });
        Arc::new(ScalarUDF::from(udf))
    });
    TEXTS_OF_KEYS.call(vec![keys])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// A key of the whole value.
    Whole,
    /// One for each element of an array.
    Elements,
}

/// The function that makes keys.
#[derive(Debug)]
struct TextKey {
    order: Arc<TextOrder>,
    form: Form,
    name: String,
    signature: Signature,
}

impl TextKey {
    fn new(order: Arc<TextOrder>, form: Form) -> Self {
        let prefix = match form {
            Form::Whole => "key_by_",
            Form::Elements => "keys_by_",
        };
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let name = prefix.chars().chain(order.identity.chars().map(plain)).collect();
        Self { order, form, name, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl PartialEq for TextKey {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.order.identity == other.order.identity
    }
}

impl Eq for TextKey {}

impl Hash for TextKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.form.hash(state);
        self.order.identity.hash(state);
    }
}

impl ScalarUDFImpl for TextKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        let key = PgType::Bytea.arrow();
        Ok(match self.form {
            Form::Whole => key,
            Form::Elements => list_of(key),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values: ArrayRef = match argument(&args.args, 0)? {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(constant) => constant.to_array()?,
        };
        let keys: ArrayRef = match (self.form, values.data_type()) {
            (Form::Whole, DataType::List(_) | DataType::LargeList(_) | DataType::ListView(_)) => {
                Arc::new(keys_of_lists(&self.keys_of_elements(&values)?)?)
            }
            (Form::Whole, _) => Arc::new(self.order.keys(&values)?),
            (Form::Elements, _) => Arc::new(self.keys_of_elements(&values)?),
        };
        result_of(keys, &args.args)
    }
}

impl TextKey {
    fn keys_of_elements(&self, lists: &ArrayRef) -> Result<ListArray> {
        let lists = as_list(lists)?;
        // Of a part of larger lists, the elements of that part.
        let [first, last] = [0, lists.len()].map(|place| lists.value_offsets()[place] as usize);
        let keys = self.order.keys(&lists.values().slice(first, last - first))?;
        let field = Arc::new(Field::new_list_field(keys.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lists.offsets().lengths());
        Ok(ListArray::try_new(field, offsets, Arc::new(keys), lists.nulls().cloned())?)
    }
}

/// Arrays are compared element by element; NULL is larger than all values, and equal to itself.
fn keys_of_lists(lists: &ListArray) -> Result<BinaryViewArray> {
    let options = SortOptions { descending: false, nulls_first: false };
    let field = SortField::new_with_options(lists.data_type().clone(), options);
    let keys = RowConverter::new(vec![field])?.convert_columns(&[Arc::new(lists.clone()) as ArrayRef])?;
    Ok((0..lists.len()).map(|row| lists.is_valid(row).then(|| keys.row(row).data().to_vec())).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;
    use rail_forge_connectors::CollationProvider;

    use super::*;

    fn described(provider: CollationProvider, locale: &str) -> Description {
        let (name, locale, version) = ("words".to_owned(), locale.to_owned(), Some("2.36".to_owned()));
        Description { name, provider, locale, deterministic: true, rules: None, version }
    }

    #[test]
    fn keys_sort_as_the_texts_do_and_have_them() {
        let order = TextOrder::of(&described(CollationProvider::Glibc, "en_US.utf8")).unwrap().unwrap();
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("B"), None, Some("a"), Some("á")]));
        let keys = order.keys(&texts).unwrap();
        assert!(keys.is_null(1));
        assert!(keys.value(2) < keys.value(3) && keys.value(3) < keys.value(0));
        assert_eq!(Collation::text_of(keys.value(3)), Some("á"));
    }

    #[test]
    fn jsonb_is_ordered_by_its_strings() {
        let order = TextOrder::of(&described(CollationProvider::Glibc, "en_US.utf8")).unwrap().unwrap();
        let strings = [r#""a""#, r#""A""#, r#""ab""#, r#""B""#];
        let others = ["9", "10", r#"["a", 2]"#, r#"["B", 1]"#, r#"{"a": 1}"#, r#"{"B": 0}"#];
        let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(strings.iter().chain(&others)));
        let of_jsonb = order.of_jsonb();
        assert!(of_jsonb.keys(&values).unwrap().iter().is_sorted());
        assert_ne!(of_jsonb.identity, order.identity);
    }

    #[test]
    fn one_order_has_one_function() {
        let call = |locale| {
            let order = TextOrder::of(&described(CollationProvider::Glibc, locale)).unwrap().unwrap();
            order.key(datafusion::logical_expr::col("a"))
        };
        assert_eq!(call("en_US.utf8"), call("en_US.utf8"));
        assert_ne!(call("en_US.utf8"), call("de_DE.utf8"));
        assert_eq!(call("en_US.utf8").schema_name().to_string(), "key_by_glibc_en_US_utf8(a)");
    }

    #[test]
    fn bytes_need_no_keys() {
        assert!(TextOrder::of(&described(CollationProvider::Glibc, "C.utf8")).unwrap().is_none());
        assert!(TextOrder::of(&described(CollationProvider::Musl, "en_US.utf8")).unwrap().is_none());
        let refused = TextOrder::of(&described(CollationProvider::Glibc, "sv_SE.utf8")).unwrap_err();
        assert!(refused.to_string().contains("collation \"words\""));
    }
}
