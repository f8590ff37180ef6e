//! Text put together piece by piece.

/// `write!` into a `String`, which does not fail.
macro_rules! put {
    ($out:expr, $($argument:tt)*) => {
        $out.push_str(&format!($($argument)*))
    };
}

/// `writeln!` into a `String`, which does not fail.
macro_rules! putln {
    ($out:expr, $($argument:tt)*) => {{
        $out.push_str(&format!($($argument)*));
        $out.push('\n');
    }};
}

pub(crate) use {put, putln};
