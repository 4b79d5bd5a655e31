//! Introspection XML, from the tables; documentation travels as annotations.

use std::fmt::Write;

use super::methods::{self, Argument};
use super::{properties, signals};
use crate::names::{Face, interface};

const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection \
                       1.0//EN\"\n \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

/// Interfaces of the specification that every object has.
const STANDARD: &str = r#" <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId">
   <arg name="machine_uuid" type="s" direction="out"/>
  </method>
 </interface>
 <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect">
   <arg name="xml_data" type="s" direction="out"/>
  </method>
 </interface>
 <interface name="org.freedesktop.DBus.Properties">
  <method name="Get">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="property_name" type="s" direction="in"/>
   <arg name="value" type="v" direction="out"/>
  </method>
  <method name="GetAll">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="props" type="a{sv}" direction="out"/>
  </method>
  <method name="Set">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="property_name" type="s" direction="in"/>
   <arg name="value" type="v" direction="in"/>
  </method>
  <signal name="PropertiesChanged">
   <arg name="interface_name" type="s"/>
   <arg name="changed_properties" type="a{sv}"/>
   <arg name="invalidated_properties" type="as"/>
  </signal>
 </interface>
"#;

/// A node with some interfaces of ours and some children.
pub(super) fn node<S: AsRef<str>>(
    face: Face,
    interfaces: &[&'static str],
    children: &[S],
) -> String {
    let mut xml = format!("{DOCTYPE}<node>\n{STANDARD}");
    for interface in interfaces {
        describe(&mut xml, face, interface);
    }
    for child in children {
        put(
            &mut xml,
            format_args!(" <node name=\"{}\"/>\n", escape(child.as_ref())),
        );
    }
    xml.push_str("</node>\n");
    xml
}

/// The XML of one interface of ours, for manuals and code generators.
#[must_use]
pub fn of_interface(interface: &'static str) -> String {
    let mut xml = format!("{DOCTYPE}<node>\n");
    describe(&mut xml, Face::Runner, interface);
    xml.push_str("</node>\n");
    xml
}

fn describe(xml: &mut String, face: Face, interface: &'static str) {
    if interface == interface::BUS {
        xml.push_str(super::driver::INTROSPECTION);
        return;
    }
    put(
        xml,
        format_args!(" <interface name=\"{}\">\n", face.interface(interface)),
    );
    for method in methods::on(face, interface) {
        put(xml, format_args!("  <method name=\"{}\">\n", method.name));
        document(xml, method.doc);
        arguments(xml, method.inputs, Some("in"));
        arguments(xml, method.outputs, Some("out"));
        xml.push_str("  </method>\n");
    }
    for signal in signals::on(face, interface) {
        put(xml, format_args!("  <signal name=\"{}\">\n", signal.name));
        document(xml, signal.doc);
        arguments(xml, signal.arguments, None);
        xml.push_str("  </signal>\n");
    }
    for property in properties::on(face, interface) {
        put(
            xml,
            format_args!(
                "  <property name=\"{}\" type=\"{}\" access=\"{}\">\n",
                property.name,
                property.signature,
                if property.settable().is_some() {
                    "readwrite"
                } else {
                    "read"
                },
            ),
        );
        document(xml, &property.doc);
        put(
            xml,
            format_args!(
                "   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" \
                 value=\"{}\"/>\n",
                property.emits.word()
            ),
        );
        xml.push_str("  </property>\n");
    }
    xml.push_str(" </interface>\n");
}

fn arguments(xml: &mut String, arguments: &[Argument], direction: Option<&str>) {
    for argument in arguments {
        put(
            xml,
            format_args!(
                "   <arg name=\"{}\" type=\"{}\"",
                argument.name, argument.signature
            ),
        );
        if let Some(direction) = direction {
            put(xml, format_args!(" direction=\"{direction}\""));
        }
        xml.push_str("/>\n");
    }
}

fn document(xml: &mut String, doc: &str) {
    put(
        xml,
        format_args!(
            "   <annotation name=\"org.gtk.GDBus.DocString\" value=\"{}\"/>\n",
            escape(doc)
        ),
    );
}

fn put(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String never fails.
    let _ = xml.write_fmt(text);
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            character => out.push(character),
        }
    }
    out
}
