//! No source within the size bound can crash, hang or bloat the process that checks it.
//!
//! Each row is a construct, repeated or nested `n` times. It is checked twice, in a process of its own with little
//! address space, on a thread of the default size: as large as the parser may be given (where the check really parses),
//! and as large as a script may be. A stack overflow would end that process by a signal.
//!
//! The same sources with a `main` in front would be accepted or undecided; here it only matters that there is an answer.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use python_executor::{
    MAX_SCRIPT_BYTES, Script,
    check::{MAX_TOKENS, Undecided, Verdict, check},
};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Wall time for one row. A release build needs some tens of milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Address space of the process, in bytes.
const ADDRESS_SPACE: u64 = 512 << 20;

/// Memory that one check may add to the process, in bytes.
const GROWTH: u64 = 64 << 20;

const CHILD: &str = "HOSTILE_SOURCES_CHILD";

macro_rules! survived {
    ($($name:ident: |$n:ident| $source:expr;)*) => {
        $(
            #[test]
            fn $name() {
                survive(stringify!($name), |$n: usize| $source);
            }
        )*
    };
}

survived! {
    // Flat chains, whose trees lean to one side.
    a_chain_of_attributes_is_survived: |n| nest("", "x", ".b", n);
    a_chain_of_calls_is_survived: |n| nest("", "f", "()", n);
    a_chain_of_subscripts_is_survived: |n| nest("", "x", "[0]", n);
    a_chain_of_additions_is_survived: |n| nest("1+", "1", "", n);
    a_chain_of_multiplications_is_survived: |n| nest("1*", "1", "", n);
    a_chain_of_shifts_is_survived: |n| nest("1<<", "1", "", n);
    a_chain_of_bars_is_survived: |n| nest("1|", "1", "", n);
    a_chain_of_powers_is_survived: |n| nest("2**", "2", "", n);
    a_chain_of_nots_is_survived: |n| nest("not ", "x", "", n);
    a_chain_of_unary_minuses_is_survived: |n| nest("-", "x", "", n);
    a_chain_of_tildes_is_survived: |n| nest("~", "x", "", n);
    a_chain_of_awaits_is_survived: |n| nest("await ", "x", "", n);
    a_chain_of_ternaries_is_survived: |n| nest("x if y else ", "x", "", n);
    a_chain_of_comparisons_is_survived: |n| nest("x<", "x", "", n);
    a_chain_of_ands_is_survived: |n| nest("x and ", "x", "", n);
    a_chain_of_lambdas_is_survived: |n| nest("lambda:", "x", "", n);
    a_chain_of_assignments_is_survived: |n| nest("a=", "x", "", n);
    a_chain_of_elifs_is_survived: |n| format!("if x:pass\n{}", "elif x:pass\n".repeat(n));
    a_chain_of_elifs_with_else_is_survived: |n| format!("if x:x\n{}else:x\n", "elif x:x\n".repeat(n));
    a_chain_of_excepts_is_survived: |n| format!("try:x\n{}", "except x:x\n".repeat(n));
    a_chain_of_decorators_is_survived: |n| format!("{}def main(): pass\n", "@x\n".repeat(n));
    a_chain_of_decorators_on_a_class_is_survived: |n| format!("{}class C: pass\n", "@x\n".repeat(n));
    a_chain_of_cases_is_survived: |n| format!("match x:\n{}", " case x:x\n".repeat(n));

    // Nested expressions.
    nested_parentheses_are_survived: |n| nest("(", "x", ")", n);
    nested_lists_are_survived: |n| nest("[", "x", "]", n);
    nested_tuples_are_survived: |n| nest("(", "x", ",)", n);
    nested_sets_are_survived: |n| nest("{", "x", "}", n);
    nested_dict_values_are_survived: |n| nest("{1:", "x", "}", n);
    nested_dict_keys_are_survived: |n| nest("{", "x", ":1}", n);
    nested_dict_unpackings_are_survived: |n| nest("{**", "x", "}", n);
    nested_star_expressions_are_survived: |n| nest("[*", "x", "]", n);
    nested_call_arguments_are_survived: |n| nest("f(", "x", ")", n);
    nested_keyword_arguments_are_survived: |n| nest("f(a=", "x", ")", n);
    nested_starred_arguments_are_survived: |n| nest("f(*", "x", ")", n);
    nested_double_starred_arguments_are_survived: |n| nest("f(**", "x", ")", n);
    nested_generator_arguments_are_survived: |n| nest("f(x for y in ", "x", ")", n);
    nested_subscripts_are_survived: |n| nest("x[", "x", "]", n);
    nested_slices_are_survived: |n| nest("x[:", "x", "]", n);
    nested_slice_starts_are_survived: |n| nest("x[", "x", "::]", n);
    nested_subscript_tuples_are_survived: |n| nest("x[", "x", ",]", n);
    nested_boolean_operators_are_survived: |n| nest("x and (y or ", "x", ")", n);
    nested_comparisons_are_survived: |n| nest("x<(", "x", ")", n);
    nested_ternaries_are_survived: |n| nest("(", "x", " if y else z)", n);
    nested_ternary_tests_are_survived: |n| nest("x if ", "x", " else z", n);
    nested_lambda_defaults_are_survived: |n| nest("lambda a=", "x", ":0", n);
    nested_lambda_keyword_defaults_are_survived: |n| nest("lambda *,a=", "x", ":0", n);
    nested_list_comprehensions_are_survived: |n| nest("[", "x", " for y in z]", n);
    nested_comprehension_iterables_are_survived: |n| nest("[x for y in ", "x", "]", n);
    nested_comprehension_conditions_are_survived: |n| nest("[x for y in z if ", "x", "]", n);
    nested_set_comprehensions_are_survived: |n| nest("{x for y in ", "x", "}", n);
    nested_dict_comprehensions_are_survived: |n| nest("{x:1 for y in ", "x", "}", n);
    nested_generators_are_survived: |n| nest("(x for y in ", "x", ")", n);
    nested_async_generators_are_survived: |n| nest("(x async for y in ", "x", ")", n);
    nested_walruses_are_survived: |n| nest("(a:=", "x", ")", n);
    nested_yields_are_survived: |n| nest("(yield ", "x", ")", n);
    nested_yield_froms_are_survived: |n| nest("(yield from ", "x", ")", n);
    nested_awaits_are_survived: |n| nest("await (", "x", ")", n);
    nested_conversions_of_everything_are_survived: |n| nest("f(*[{1:(-x[lambda:", "x", "],)}])", n);

    // Targets are rebuilt by recursion, with the largest frames of all.
    nested_list_targets_are_survived: |n| format!("{} = 1\n", line("[", "x", "]", n));
    nested_tuple_targets_are_survived: |n| format!("{} = 1\n", line("(", "x", ",)", n));
    nested_starred_targets_are_survived: |n| format!("{} = 1\n", line("[*", "x", "]", n));
    nested_main_targets_are_survived: |n| format!("{} = 1\n", line("[*", "main", "]", n));
    nested_augmented_targets_are_survived: |n| format!("{} += 1\n", line("[", "x", "]", n));
    nested_annotated_targets_are_survived: |n| format!("{}: y = 1\n", line("[", "x", "]", n));
    nested_loop_targets_are_survived: |n| format!("for {} in y: pass\n", line("[", "x", "]", n));
    nested_comprehension_targets_are_survived: |n| format!("[1 for {} in y]\n", line("[", "x", "]", n));
    nested_with_targets_are_survived: |n| format!("with y as {}: pass\n", line("[", "x", "]", n));
    nested_del_targets_are_survived: |n| format!("del {}\n", line("[", "main", "]", n));

    // Annotations, type parameters, bases.
    nested_annotations_are_survived: |n| format!("x: {}\n", line("x[", "x", "]", n));
    nested_parameter_annotations_are_survived: |n| format!("def f(a: {}): pass\n", line("x[", "x", "]", n));
    nested_return_annotations_are_survived: |n| format!("def f() -> {}: pass\n", line("x[", "x", "]", n));
    nested_type_aliases_are_survived: |n| format!("type X = {}\n", line("x[", "x", "]", n));
    nested_type_parameter_bounds_are_survived: |n| format!("def f[T: {}](): pass\n", line("[", "x", "]", n));
    nested_defaults_are_survived: |n| format!("def main(a={}): pass\n", line("[", "x", "]", n));
    nested_bases_are_survived: |n| format!("class C({}): pass\n", line("f(", "x", ")", n));
    nested_decorators_are_survived: |n| format!("@{}\ndef main(): pass\n", line("f(", "x", ")", n));

    // Nested patterns.
    nested_list_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("[", "x", "]", n));
    nested_tuple_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("(", "x", ",)", n));
    nested_group_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("(", "x", ")", n));
    nested_dict_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("{1:", "x", "}", n));
    nested_class_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("C(", "x", ")", n));
    nested_keyword_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("C(a=", "x", ")", n));
    nested_or_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("(1|", "x", ")", n));
    nested_as_patterns_are_survived: |n| format!("match x:\n case {}: pass\n", line("(", "x", " as y)", n));
    a_pattern_of_attributes_is_survived: |n| format!("match x:\n case {}: pass\n", line("", "x", ".y", n));
    a_match_of_a_long_line_is_survived: |n| format!("match {}\n", "x,".repeat(n));
    many_lines_of_soft_keywords_are_survived: |n| "match\ncase\ntype\n".repeat(n);
    soft_keywords_on_a_line_are_survived: |n| "match match case type ".repeat(n);

    // Nested statements.
    nested_ifs_are_survived: |n| blocks(&["if x:"], n);
    nested_elses_are_survived: |n| blocks(&["if x:x", "else:"], n);
    nested_whiles_are_survived: |n| blocks(&["while x:"], n);
    nested_loops_are_survived: |n| blocks(&["for x in x:"], n);
    nested_functions_are_survived: |n| blocks(&["def f():"], n);
    nested_classes_are_survived: |n| blocks(&["class C:"], n);
    nested_withs_are_survived: |n| blocks(&["async with x as y, z as w:"], n);
    nested_tries_are_survived: |n| blocks(&["try:x", "except x:"], n);
    nested_finallies_are_survived: |n| blocks(&["try:x", "finally:"], n);
    nested_except_stars_are_survived: |n| blocks(&["try:x", "except* x:"], n);
    nested_matches_are_survived: |n| {
        let level = |i| format!("{0}match x:\n{0} case x:\n", " ".repeat(2 * i));
        (0..n).map(level).collect::<String>() + &" ".repeat(2 * n) + "x\n"
    };
    indentation_that_comes_and_goes_is_survived: |n| blocks(&["if x:"], 90).repeat(n / 90 + 1);
    indentation_by_tabs_is_survived: |n| blocks(&["if x:"], n).replace(' ', "\t");

    // Flat and wide.
    many_elements_are_survived: |n| format!("[{}]\n", "1,".repeat(n));
    many_dict_entries_are_survived: |n| format!("{{{}}}\n", "1:1,".repeat(n));
    many_statements_are_survived: |n| "x\n".repeat(n);
    many_statements_on_a_line_are_survived: |n| "x;".repeat(n);
    many_functions_are_survived: |n| "def main():x\n".repeat(n);
    many_functions_with_names_of_their_own_are_survived: |n| numbered(n, |i| format!("def f{i}():x\n"));
    many_imports_are_survived: |n| numbered(n, |i| format!("import m{i}.a as b\n"));
    many_names_in_an_import_are_survived: |n| format!("from x import y{}\n", ",y".repeat(n));
    a_module_of_many_dots_is_survived: |n| format!("import x{}\n", ".x".repeat(n));
    a_relative_import_of_many_dots_is_survived: |n| format!("from {} import x\n", ".".repeat(n));
    many_globals_are_survived: |n| format!("global x{}\n", ",x".repeat(n));
    many_parameters_are_survived: |n| format!("def main({}): pass\n", numbered(n, |i| format!("a{i},")));
    many_parameters_that_collide_are_survived: |n| format!("def main({}): pass\n", colliding_names(n, ","));
    many_keyword_arguments_that_collide_are_survived: |n| format!("f({})\n", colliding_names(n, "=1,"));
    many_with_items_are_survived: |n| format!("with ({}x): pass\n", "x as y,".repeat(n));
    many_for_clauses_are_survived: |n| format!("[x {}]\n", "for y in z ".repeat(n));
    many_type_parameters_are_survived: |n| format!("def f[{}T](): pass\n", "*T,".repeat(n));
    many_blank_lines_are_survived: |n| "\n".repeat(n);
    many_semicolons_are_survived: |n| ";".repeat(n);

    // Never closed, or wrong at the very end, where the parser works out what it expected.
    open_parentheses_are_survived: |n| "(".repeat(n);
    open_lists_are_survived: |n| "[".repeat(n);
    open_dicts_are_survived: |n| "{1:".repeat(n);
    open_calls_are_survived: |n| "f(".repeat(n);
    closed_parentheses_are_survived: |n| ")".repeat(n);
    a_late_error_in_nots_is_survived: |n| nest("not ", "x x", "", n);
    a_late_error_in_minuses_is_survived: |n| nest("-", "x x", "", n);
    a_late_error_in_powers_is_survived: |n| nest("a**", "x x", "", n);
    a_late_error_in_lambdas_is_survived: |n| nest("lambda:", "x x", "", n);
    a_late_error_in_ternaries_is_survived: |n| nest("x if x else ", "x x", "", n);
    a_late_error_in_lists_is_survived: |n| nest("[", "x x", "", n);
    a_late_error_in_closed_lists_is_survived: |n| nest("[", "x", "]", n).replace('\n', ")\n");
    a_late_error_in_blocks_is_survived: |n| blocks(&["if x:"], n) + "else else\n";

    // One token, as long as the source may be.
    a_long_integer_is_survived: |n| "7".repeat(n);
    a_long_integer_with_underscores_is_survived: |n| "7_".repeat(n) + "7";
    long_integers_just_short_enough_are_survived: |n| ("7".repeat(4_300) + "\n").repeat(n / 4_301 + 1);
    a_long_hexadecimal_integer_is_survived: |n| format!("0x{}", "f".repeat(n));
    a_long_binary_integer_is_survived: |n| format!("0b{}", "1".repeat(n));
    a_long_float_is_survived: |n| format!("{}e{}", "1.1".repeat(n / 3), "9".repeat(9));
    a_long_name_is_survived: |n| "a".repeat(n);
    a_long_name_beyond_ascii_is_survived: |n| "é".repeat(n / 2);
    a_long_function_name_is_survived: |n| format!("def {}(): pass\n", "a".repeat(n));
    a_long_string_is_survived: |n| format!("'{}'", "a".repeat(n));
    a_long_string_of_escapes_is_survived: |n| format!("'{}'", "\\N{DEL}".repeat(n / 7));
    a_string_without_end_is_survived: |n| format!("'{}", "a".repeat(n));
    a_long_string_without_end_is_survived: |n| format!("'''{}", "a\n".repeat(n / 2));
    many_strings_in_a_row_are_survived: |n| "''".repeat(n);
    many_bytes_in_a_row_are_survived: |n| "b'' ".repeat(n);
    many_strings_without_end_are_survived: |n| "'\n".repeat(n);
    a_long_comment_is_survived: |n| "#".repeat(n);
    long_white_space_is_survived: |n| " ".repeat(n);
    many_continued_lines_are_survived: |n| "\\\n".repeat(n);
    many_form_feeds_are_survived: |n| "\x0c".repeat(n);
    many_carriage_returns_are_survived: |n| "\r".repeat(n);
    many_nuls_are_survived: |n| "\0".repeat(n);
    many_byte_order_marks_are_survived: |n| "\u{feff}".repeat(n);
    many_emoji_are_survived: |n| "🦀".repeat(n);
    many_names_that_python_normalises_are_survived: |n| "ｍａｉｎ;".repeat(n);

    // The contents of f-strings.
    an_f_string_of_many_expressions_is_survived: |n| format!("f'{}'", "{x}".repeat(n / 3));
    an_f_string_of_nested_lists_is_survived: |n| format!("f'{{{}}}'", line("[", "x", "]", n / 2));
    an_f_string_of_nots_is_survived: |n| format!("f'{{{}}}'", line("not ", "x", "", n / 4));
    an_f_string_of_format_specs_is_survived: |n| format!("f'{}'", line("{x:", "", "}", n));
    an_f_string_of_open_braces_is_survived: |n| format!("f'{}'", "{".repeat(n));
    an_f_string_of_f_strings_is_survived: |n| format!("{}{}", "f'{".repeat(n), "}'".repeat(n));
    an_f_string_of_every_quote_is_survived: |n| {
        format!("f'''{{f\"\"\"{{f'{{f\"{{{}}}\"}}'}}\"\"\"}}'''", line("-", "x", "", n))
    };
    many_f_strings_are_survived: |n| "f'{x}' ".repeat(n);
}

/// Longer sources than the default bound: what isn't bounded by tokens must be linear.
#[test]
fn sixteen_mebibytes_in_one_token_are_survived() {
    let n = 16 << 20;
    for unit in ["#", "a", " ", "'"] {
        let script = Script::with_max_bytes(unit.repeat(n), n).unwrap();
        let begin = Instant::now();
        let _ = check(script);
        assert!(begin.elapsed() < DEADLINE, "{unit}: {:?}", begin.elapsed());
    }
}

fn line(open: &str, middle: &str, close: &str, n: usize) -> String {
    format!("{}{middle}{}", open.repeat(n), close.repeat(n))
}

fn nest(open: &str, middle: &str, close: &str, n: usize) -> String {
    line(open, middle, close, n) + "\n"
}

fn numbered(n: usize, row: impl Fn(usize) -> String) -> String {
    (0..n).map(row).collect()
}

/// Each of `n` levels has these lines, and the next level is inside the last of them.
fn blocks(lines: &[&str], n: usize) -> String {
    let level = |i: usize| lines.iter().map(|line| format!("{}{line}\n", " ".repeat(i))).collect::<String>();
    (0..n).map(level).collect::<String>() + &" ".repeat(n) + "x\n"
}

/// `n` names, each with `after`; the first 10,000 of them have one hash in the parser's sets of names, and then they repeat.
fn colliding_names(n: usize, after: &str) -> String {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| find_colliding_names(10_000));
    numbered(n, |i| names[i % names.len()].clone() + after)
}

/// FxHash takes 8 bytes at a time, `hash = (hash.rotate_left(5) ^ word) * SEED`: whatever the first word is, there is a
/// second one that leads to the same hash, and one in some thousands is spelled in letters and digits.
fn find_colliding_names(wanted: usize) -> Vec<String> {
    const SEED: u64 = 0x517c_c1b7_2722_0a95;
    const SAME: u64 = u64::from_le_bytes(*b"collides");
    const LETTERS: u64 = 26;
    let letters = |mut number: u64| {
        std::array::from_fn::<u8, 4, _>(|_| {
            let letter = b'a' + (number % LETTERS) as u8;
            number /= LETTERS;
            letter
        })
    };
    let second = |low: [u8; 4], high: [u8; 4]| {
        let first = u64::from(u32::from_le_bytes(low)) | u64::from(u32::from_le_bytes(high)) << 32;
        (SAME ^ first.wrapping_mul(SEED).rotate_left(5)).to_le_bytes()
    };
    let fits = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    // Bytes 1 to 3 of the second word depend on the low half of the first alone: settle those before searching the rest.
    let lows = (0..LETTERS.pow(4)).map(letters).filter(|low| fits(&second(*low, [0; 4])[1..4]));
    let pairs = lows.flat_map(|low| (0..LETTERS.pow(4)).map(move |high| (low, letters(high))));
    pairs
        .filter(|(low, high)| fits(&second(*low, *high)))
        .map(|(low, high)| String::from_utf8([&low[..], &high, &second(low, high)].concat()).unwrap())
        .take(wanted)
        .collect()
}

fn survive(name: &str, source: fn(usize) -> String) {
    if std::env::var_os(CHILD).is_some() {
        check_in_little_space(source);
        return;
    }
    let begin = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("not done after {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

fn check_in_little_space(source: fn(usize) -> String) {
    setrlimit(Resource::As, Rlimit { current: Some(ADDRESS_SPACE), maximum: Some(ADDRESS_SPACE) }).unwrap();
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();

    let longest = longest_within(MAX_SCRIPT_BYTES, source);
    check_and_measure(source(longest));
    // The parser is given the first of these that isn't too large, and it has nearly as many tokens as it may.
    for tokens_each in 1..=40 {
        if check_and_measure(source(longest.min((MAX_TOKENS - 20) / tokens_each))) {
            return;
        }
    }
    panic!("never small enough to be parsed");
}

/// The largest `n` whose source has at most `bytes`.
fn longest_within(bytes: usize, source: fn(usize) -> String) -> usize {
    let (mut fits, mut exceeds) = (0, bytes + 1);
    while exceeds - fits > 1 {
        let middle = fits + (exceeds - fits) / 2;
        // A first look at a smaller one: some grow by the square.
        if source(middle.min(2_000)).len() <= bytes && source(middle).len() <= bytes {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    fits
}

/// Whether the check gave it to the parser.
fn check_and_measure(source: String) -> bool {
    let script = Script::new(&source).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak_memory();
    let checked = check(script);
    let growth = peak_memory().saturating_sub(before);
    assert!(
        growth < GROWTH,
        "one check took {growth} bytes: {}…",
        source.chars().take(40).collect::<String>()
    );
    !matches!(
        checked.map(|c| c.verdict().clone()),
        Ok(Verdict::Undecided(Undecided::TooLarge { what: "tokens", .. }))
    )
}

/// The most memory that this process has held since the mark was reset, in bytes (proc_pid_status(5)).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
