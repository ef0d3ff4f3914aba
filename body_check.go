package gatesock

import (
	"fmt"
	"reflect"

	"github.com/gatesock/gatesock/internal/jsontype"
)

// checkIn panics if JSON cannot be decoded into an In or into a part of it.
func checkIn[In any](rt *route) {
	t := reflect.TypeFor[In]()
	if _, ok := rt.codec.(JSON); !ok {
		rt.checkAnyCodec("In", t)
		return
	}
	if !rt.raw && !rt.nested() {
		rt.checkObject(t)
	}
	c := checker{decoding: true, seen: make(map[reflect.Type]bool)}
	if why := c.fault(t, "In"); why != "" {
		panic(fmt.Sprintf("gatesock: route %q at %s has an In, %v, that JSON cannot be decoded into: %s; "+
			`the tag json:"-" excludes a field`, rt.key, rt.site, t, why))
	}
}

// checkOut panics if an Out cannot be encoded as JSON.
func checkOut[Out any](rt *route) {
	t := reflect.TypeFor[Out]()
	if _, ok := rt.codec.(JSON); !ok {
		rt.checkAnyCodec("Out", t)
		return
	}
	c := checker{seen: make(map[reflect.Type]bool)}
	if why := c.fault(t, "Out"); why != "" {
		panic(fmt.Sprintf("gatesock: route %q at %s has an Out, %v, that cannot be encoded as JSON: %s; "+
			`the tag json:"-" excludes a field`, rt.key, rt.site, t, why))
	}
}

// checkAnyCodec panics for a type that no codec can handle.
func (rt *route) checkAnyCodec(what string, t reflect.Type) {
	if unencodable(t) {
		panic(fmt.Sprintf("gatesock: route %q at %s has an %s, %v, that no codec can handle", rt.key, rt.site, what, t))
	}
}

// unencodable reports whether no codec can handle a type.
func unencodable(t reflect.Type) bool {
	return t.Kind() == reflect.Chan || t.Kind() == reflect.Func || t.Kind() == reflect.UnsafePointer
}

// checkObject panics if the JSON object that every message is, with its action and id, does not fit
// t.
func (rt *route) checkObject(t reflect.Type) {
	in := t
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch p := reflect.PointerTo(t); {
	case jsontype.Implements(p, jsontype.Unmarshaler), t.Kind() == reflect.Interface && t.NumMethod() == 0:
	case jsontype.Implements(p, jsontype.TextUnmarshaler) || t.Kind() != reflect.Struct && t.Kind() != reflect.Map:
		panic(fmt.Sprintf("gatesock: route %q at %s decodes messages, which are JSON objects, into a %v: In must be a struct, a map, any, "+
			"json.RawMessage, a type with UnmarshalJSON or a pointer to one of these; see also Raw", rt.key, rt.site, in))
	case t.Kind() == reflect.Map:
		if !takesString(t.Elem(), false) || badKey(t.Key(), rt.wire.names.Action) != "" {
			panic(fmt.Sprintf("gatesock: route %q at %s decodes messages into a %v, which cannot hold the strings %q and %q of a message",
				rt.key, rt.site, in, rt.wire.names.Action, rt.wire.names.ID))
		}
	default:
		rt.checkOwnMembers(in, jsontype.Fields(t))
	}
}

// checkOwnMembers panics if a field has the name of one of the protocol's strings and cannot hold a
// string.
func (rt *route) checkOwnMembers(in reflect.Type, fields []jsontype.Field) {
	for _, name := range []string{rt.wire.names.Action, rt.wire.names.ID} {
		if f := jsontype.Named(fields, name); f != nil && !takesString(f.Type, f.Quoted) {
			panic(fmt.Sprintf("gatesock: route %q at %s decodes the string %q of every message into %s of %v, which is of type %v: "+
				"give that field another name", rt.key, rt.site, name, f.GoName, in, f.Type))
		}
	}
}

// takesString reports whether some JSON string can be decoded into t.
func takesString(t reflect.Type, quoted bool) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := reflect.PointerTo(t)
	return quoted || t.Kind() == reflect.String || jsontype.IsBytes(t) ||
		t.Kind() == reflect.Interface && t.NumMethod() == 0 ||
		jsontype.Implements(p, jsontype.Unmarshaler) || jsontype.Implements(p, jsontype.TextUnmarshaler)
}

// checker finds parts of a type that encoding/json cannot handle.
type checker struct {
	decoding bool
	seen     map[reflect.Type]bool
}

// fault describes the first part of a type that cannot be handled. It returns "" if there is none.
func (c checker) fault(t reflect.Type, path string) string {
	if c.seen[t] || c.handlesItself(t) {
		return ""
	}
	c.seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return fmt.Sprintf("%s is a %v", path, t)
	case reflect.Interface:
		// A field of such a type is useful: it can be null or missing, like those of generated union
		// types.
		if c.decoding && t.NumMethod() > 0 && path == "In" {
			return fmt.Sprintf("%s is a %v, an interface with methods", path, t)
		}
	case reflect.Pointer:
		return c.fault(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return c.fault(t.Elem(), path+"[]")
	case reflect.Map:
		if !c.isKey(t.Key()) {
			return fmt.Sprintf("%s is a %v, whose keys cannot be names", path, t)
		}
		return c.fault(t.Elem(), path+"[]")
	case reflect.Struct:
		return c.structFault(t, path)
	default:
	}
	return ""
}

func (c checker) structFault(t reflect.Type, path string) string {
	if embedded := hiddenPointer(t); c.decoding && embedded != "" {
		return fmt.Sprintf("%s embeds %s, a pointer to an unexported struct", path, embedded)
	}
	for _, f := range jsontype.Fields(t) {
		if !c.decoding && f.OmitZero { // omitted while it is nil
			continue
		}
		if why := c.fault(f.Type, path+"."+f.GoName); why != "" {
			return why
		}
	}
	return ""
}

// hiddenPointer returns the name of an embedded pointer that encoding/json cannot set, or "" if
// there is none.
func hiddenPointer(t reflect.Type) string {
	for i := range t.NumField() {
		f := t.Field(i)
		isPointer := f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct
		if f.Anonymous && !f.IsExported() && isPointer && f.Tag.Get("json") != "-" {
			return f.Name
		}
	}
	return ""
}

// handlesItself reports whether a type encodes or decodes itself.
func (c checker) handlesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	if c.decoding {
		return jsontype.Implements(p, jsontype.Unmarshaler) || jsontype.Implements(p, jsontype.TextUnmarshaler)
	}
	return jsontype.Implements(p, jsontype.Marshaler) || jsontype.Implements(p, jsontype.TextMarshaler)
}

// isKey reports whether encoding/json accepts a type as the key of a map.
func (c checker) isKey(t reflect.Type) bool {
	isInteger := jsontype.IsNumeric(t) && t.Kind() != reflect.Float32 && t.Kind() != reflect.Float64
	return t.Kind() == reflect.String || isInteger ||
		c.decoding && jsontype.Implements(reflect.PointerTo(t), jsontype.TextUnmarshaler) ||
		!c.decoding && jsontype.Implements(t, jsontype.TextMarshaler)
}
