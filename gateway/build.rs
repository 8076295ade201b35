//! Pages are embedded at compile time: the binary is built anew when they are.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=migrations");
}
