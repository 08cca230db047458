//! Generated code that declares each function in a module and builds calls of it, with inkwell's types.
//!
//! What is declared is what clang made of the C declaration: a structure of two words is two parameters, a small integer
//! says how it is extended. Without those attributes a caller would pass something else than the native code expects.

use crate::error::Error;
use crate::irtext::Place;
use crate::loader;
use crate::source::Helper;
use std::fmt::Write as _;

/// Appends one module for each function. One for which `bindings` has an address re-exports it.
pub(crate) fn write(
    text: &mut String,
    helpers: &[Helper],
    inkwell: &str,
    bindings: &str,
) -> Result<(), Error> {
    for helper in helpers {
        one(text, helper, inkwell)?;
        let ident = loader::rust_name(&helper.name);
        if bindings.contains(&format!("{{ super::{ident} }}")) {
            let _ = writeln!(
                text,
                "    #[allow(unused_imports, reason = \"not every function is called natively\")]\n    pub use super::c::native::{ident} as native;"
            );
        }
        text.push_str("}\n");
    }
    Ok(())
}

fn one(text: &mut String, helper: &Helper, inkwell: &str) -> Result<(), Error> {
    let name = &helper.name;
    let refuse = |reason: String| Error::Signature {
        function: name.clone(),
        reason,
    };
    let call = &helper.call;
    let result = match call.result.ty.as_str() {
        "void" => None,
        _ => Some(Type::read(&call.result).map_err(refuse)?),
    };
    let params = call.params.iter().map(Type::read);
    let params = params.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    let convention = match call.convention.as_str() {
        "" => 0,
        // Source: llvm/IR/CallingConv.h.
        "fastcc" => 8,
        "coldcc" => 9,
        "preserve_mostcc" => 14,
        "preserve_allcc" => 15,
        other => return Err(refuse(format!("its calling convention is `{other}`"))),
    };
    let fn_type = format!(
        "{}.fn_type(&[{}], false)",
        result
            .as_ref()
            .map_or("context.void_type()".to_owned(), |ty| ty.make.clone()),
        params
            .iter()
            .map(|ty| format!("{}.into()", ty.make))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let mut attributes = String::new();
    let result_place = (String::from("Return"), &call.result);
    let places = call
        .params
        .iter()
        .enumerate()
        .map(|(i, it)| (format!("Param({i})"), it));
    for (at, place) in std::iter::once(result_place).chain(places) {
        for word in &place.abi {
            let _ = writeln!(
                attributes,
                "            function.add_attribute(AttributeLoc::{at}, context.create_enum_attribute(\
                 Attribute::get_named_enum_kind_id({word:?}), 0));"
            );
        }
    }
    let names: Vec<String> = (0..params.len()).map(|index| format!("a{index}")).collect();
    let arguments = names.iter().zip(&params);
    let arguments: String = arguments
        .map(|(name, ty)| format!(", {name}: values::{}<'ctx>", ty.value))
        .collect();
    let passed: Vec<String> = names.iter().map(|name| format!("{name}.into()")).collect();
    let (returned, taken) = match &result {
        None => ("()".to_owned(), "let _ = call;\n        Ok(())".to_owned()),
        Some(ty) => (
            format!("values::{}<'ctx>", ty.value),
            format!(
                "let value = call.try_as_basic_value().basic().expect(\"its type is not void\");\n        Ok(value.{}())",
                ty.into_value
            ),
        ),
    };
    let _ = write!(
        text,
        r#"
/// {doc}
///
/// `{signature}`
#[allow(non_snake_case, clippy::too_many_arguments, reason = "named and shaped as in C")]
pub mod {ident} {{
    #[allow(unused_imports, reason = "not every function needs all")]
    use {inkwell}::{{attributes::{{Attribute, AttributeLoc}}, builder::{{Builder, BuilderError}}, module::Module, types::BasicType, values}};

    /// The function in `module`, declared unless it is there.
    ///
    /// # Panics
    /// If the module has another function of this name, with another type.
    pub fn decl<'ctx>(module: &Module<'ctx>) -> values::FunctionValue<'ctx> {{
        let context = module.get_context();
        let fn_type = {fn_type};
        let function = module.get_function({name:?}).unwrap_or_else(|| {{
            let function = module.add_function({name:?}, fn_type, None);
{attributes}            function.set_call_conventions({convention});
            function
        }});
        assert!(function.get_type() == fn_type, "the module has another `{name}`: {{function}}");
        function
    }}

    /// Builds a call of it where `builder` stands, in a function of `module`.
    ///
    /// # Errors
    /// [`BuilderError`] if the builder stands nowhere.
    ///
    /// # Panics
    /// As [`decl`].
    pub fn build_call<'ctx>(
        module: &Module<'ctx>, builder: &Builder<'ctx>{arguments},
    ) -> Result<{returned}, BuilderError> {{
        let call = builder.build_call(decl(module), &[{passed}], "")?;
        call.set_call_convention({convention});
        {taken}
    }}
"#,
        doc = helper.doc.replace('\n', " "),
        ident = loader::rust_name(name),
        signature = helper.signature,
        passed = passed.join(", "),
    );
    Ok(())
}

/// A type in the words of inkwell.
struct Type {
    /// An expression that makes it.
    make: String,
    /// The type of its values.
    value: &'static str,
    /// The method of `BasicValueEnum` that gives such a value.
    into_value: &'static str,
}

impl Type {
    fn read(place: &Place) -> Result<Type, String> {
        if let Some(word) = place
            .abi
            .iter()
            .find(|word| !matches!(word.as_str(), "zeroext" | "signext" | "inreg"))
        {
            return Err(format!(
                "it passes a structure in memory (`{word}`): let it take a pointer"
            ));
        }
        Type::of(place.ty.trim()).ok_or_else(|| format!("there is no type for `{}`", place.ty))
    }

    fn of(ty: &str) -> Option<Type> {
        let int = |make: &str| Type {
            make: format!("context.{make}()"),
            value: "IntValue",
            into_value: "into_int_value",
        };
        let float = |make: &str| Type {
            make: format!("context.{make}()"),
            value: "FloatValue",
            into_value: "into_float_value",
        };
        Some(match ty {
            "i1" => int("bool_type"),
            "i8" => int("i8_type"),
            "i16" => int("i16_type"),
            "i32" => int("i32_type"),
            "i64" => int("i64_type"),
            "i128" => int("i128_type"),
            "half" => float("f16_type"),
            "float" => float("f32_type"),
            "double" => float("f64_type"),
            "x86_fp80" => float("x86_f80_type"),
            "fp128" => float("f128_type"),
            "ptr" => Type {
                make: "context.ptr_type(Default::default())".to_owned(),
                value: "PointerValue",
                into_value: "into_pointer_value",
            },
            _ if ty.starts_with('{') => {
                let items = ty.trim_start_matches('{').trim_end_matches('}').split(',');
                let items = items
                    .map(|item| Type::of(item.trim()))
                    .collect::<Option<Vec<_>>>()?;
                let items: Vec<String> = items
                    .iter()
                    .map(|ty| format!("{}.into()", ty.make))
                    .collect();
                Type {
                    make: format!("context.struct_type(&[{}], false)", items.join(", ")),
                    value: "StructValue",
                    into_value: "into_struct_value",
                }
            }
            _ if ty.starts_with('<') => {
                let (count, item) = ty.trim_matches(['<', '>']).split_once(" x ")?;
                let count: u32 = count.parse().ok()?;
                Type {
                    make: format!("{}.vec_type({count})", Type::of(item)?.make),
                    value: "VectorValue",
                    into_value: "into_vector_value",
                }
            }
            _ => return None,
        })
    }
}
