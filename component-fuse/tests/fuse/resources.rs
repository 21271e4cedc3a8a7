//! Resources: the host's, and the component's own.

use crate::compare::check;

#[test]
fn resources_of_the_host() {
    check(
        r#"(component
            (import "thing" (type $thing (sub resource)))
            (import "make-thing" (func $make (param "number" u32) (result (own $thing))))
            (import "number-of" (func $number (param "of" (borrow $thing)) (result u32)))
            (core module $m
                (import "h" "make" (func $make (param i32) (result i32)))
                (import "h" "number" (func $number (param i32) (result i32)))
                (import "h" "drop" (func $drop (param i32)))
                (memory 1)
                (func (export "drop") (param i32) (call $drop (local.get 0)))
                (func (export "make") (param i32) (result i32) (call $make (local.get 0))))
            (core module $user
                (import "m" "drop" (func $drop (param i32)))
                (import "m" "make" (func $make (param i32) (result i32)))
                (import "h" "number" (func $number (param i32) (result i32)))
                (func (export "use") (param i32) (result i32) (local $handle i32)
                    (local.set $handle (call $make (local.get 0)))
                    (call $number (local.get $handle))
                    (call $drop (local.get $handle)))
                (func (export "number") (param i32) (result i32) (call $number (local.get 0)))
                (func (export "twice") (param i32) (local $handle i32)
                    (local.set $handle (call $make (local.get 0)))
                    (call $drop (local.get $handle))
                    (call $drop (local.get $handle))))
            (core func $make (canon lower (func $make)))
            (core func $number (canon lower (func $number)))
            (core func $drop (canon resource.drop $thing))
            (core instance $m (instantiate $m (with "h" (instance
                (export "make" (func $make))
                (export "number" (func $number))
                (export "drop" (func $drop))))))
            (core instance $user (instantiate $user
                (with "m" (instance $m))
                (with "h" (instance (export "number" (func $number))))))
            (func (export "keep") (param "n" u32) (result u32) (canon lift (core func $m "make")))
            (func (export "number") (param "handle" u32) (result u32)
                (canon lift (core func $user "number")))
            (func (export "drop") (param "handle" u32) (canon lift (core func $m "drop")))
            (func (export "use") (param "n" u32) (result u32) (canon lift (core func $user "use")))
            (func (export "twice") (param "n" u32) (canon lift (core func $user "twice"))))"#,
        "use(7) = 7
           > thing 7 made
           > thing 7 dropped
         keep(8) = 1
           > thing 8 made
         keep(9) = 2
           > thing 9 made
         number(1) = 8
         drop(1)
           > thing 8 dropped
         number(2) = 9
         number(1) traps: unknown handle index 1
         twice(5) traps: unknown handle index 1
           > thing 5 made
           > thing 5 dropped
         drop(1) traps: unknown handle index 1",
    );
}

#[test]
fn resources_of_its_own() {
    check(
        r#"(component
            (type $own (resource (rep i32)))
            (core func $new (canon resource.new $own))
            (core func $rep (canon resource.rep $own))
            (core func $drop (canon resource.drop $own))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (import "" "rep" (func $rep (param i32) (result i32)))
                (import "" "drop" (func $drop (param i32)))
                (memory 1)
                (func (export "new") (param i32) (result i32)
                    (call $new (i32.add (local.get 0) (i32.const 1000))))
                (func (export "rep") (param i32) (result i32) (call $rep (local.get 0)))
                (func (export "drop") (param i32) (call $drop (local.get 0))))
            (core instance $i (instantiate $m (with "" (instance
                (export "new" (func $new))
                (export "rep" (func $rep))
                (export "drop" (func $drop))))))
            (func (export "new") (param "n" u32) (result u32) (canon lift (core func $i "new")))
            (func (export "rep") (param "n" u32) (result u32) (canon lift (core func $i "rep")))
            (func (export "drop") (param "n" u32) (canon lift (core func $i "drop"))))"#,
        "new(1) = 1
         new(2) = 2
         rep(1) = 1001
         rep(2) = 1002
         drop(1)
         new(3) = 1
         rep(1) = 1003
         drop(3) traps: unknown handle index 3
         rep(1) traps: unknown handle index 1",
    );
}
