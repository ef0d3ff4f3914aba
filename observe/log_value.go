package observe

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/jsontype"
	"github.com/gatesock/gatesock/internal/oneline"
)

// cleaner makes values safe to log: without secrets, without bodies, and bounded.
type cleaner struct {
	names  *nameClasses
	bodies bool // keep bodies
	limit  int  // bytes of a text
	left   int  // how many more values the attribute may have
	room   int  // how many more bytes the texts of groups in the attribute may have
}

const (
	// maxText is how many bytes of a text are logged, and of the JSON of a value 8 times as many.
	maxText = 8 << 10
	// maxDepth is how deep values may be nested, and maxValues how many values an attribute may
	// have. A value that contains itself ends at these limits.
	maxDepth  = 32
	maxValues = 10_000
)

func (c *cleaner) text(s string) string {
	s = c.names.scrub(s)
	if len(s) <= c.limit {
		c.room -= len(s)
		return s
	}
	c.room -= c.limit
	return oneline.Cut(s, c.limit) + "… [" + strconv.Itoa(len(s)) + " bytes]"
}

// key returns the name of an attribute. Those that programs have are not worth a search.
func (c *cleaner) key(name string) string {
	const usual = 32
	if len(name) > usual || strings.ContainsAny(name, "=:@ ") {
		return c.text(name)
	}
	return name
}

// all appends attributes that a record has itself, each with values of its own number.
func (c *cleaner) all(set attrSet, attrs []slog.Attr, depth int) attrSet {
	for _, a := range attrs {
		c.left, c.room = maxValues, 8*c.limit
		set = c.attr(set, a, depth)
	}
	return set
}

// attrs appends the attributes of a group. Attributes of inline groups become its own.
func (c *cleaner) attrs(set attrSet, attrs []slog.Attr, depth int) attrSet {
	for _, a := range attrs {
		if c.left <= 0 || c.room <= 0 {
			set.more++
			continue
		}
		set = c.attr(set, a, depth)
	}
	return set
}

func (c *cleaner) attr(set attrSet, a slog.Attr, depth int) attrSet {
	if a.Equal(slog.Attr{}) {
		return set
	}
	v := a.Value.Resolve() // which recovers from panics
	if a.Key == "" && v.Kind() == slog.KindGroup && depth < maxDepth {
		c.left--
		return c.attrs(set, v.Group(), depth+1)
	}
	c.room -= len(a.Key)
	return set.add(slog.Attr{Key: c.key(a.Key), Value: c.value(a.Key, v, depth)})
}

// value returns a value that is safe to log: one without methods, except for JSON.
func (c *cleaner) value(name string, v slog.Value, depth int) slog.Value {
	v = v.Resolve()
	if c.left--; c.left < 0 || depth >= maxDepth {
		return slog.StringValue("[too many values]")
	}
	if v.Kind() == slog.KindBool || v.Kind() == slog.KindTime || v.Kind() == slog.KindDuration {
		return v
	}
	isNumber := v.Kind() == slog.KindInt64 || v.Kind() == slog.KindUint64 || v.Kind() == slog.KindFloat64
	switch class := c.names.of(name); {
	case class == secret, class == secrets && !isNumber:
		return slog.StringValue(redacted)
	case class == body && !isNumber && !c.bodies:
		return c.size(v, depth)
	}
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(c.text(v.String()))
	case slog.KindFloat64:
		if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
			return slog.StringValue(strconv.FormatFloat(f, 'g', -1, 64)) // JSON has no such numbers
		}
		return v
	case slog.KindGroup:
		return slog.GroupValue(c.attrs(attrSet{}, v.Group(), depth+1).list()...)
	case slog.KindAny, slog.KindLogValuer:
		return c.any(name, v.Any(), depth)
	default:
		return v
	}
}

// group returns a group of attributes that are clean, unless its name says more.
func (c *cleaner) group(name string, attrs []slog.Attr, depth int) slog.Value {
	v := slog.GroupValue(attrs...)
	switch class := c.names.of(name); {
	case class == secret, class == secrets:
		return slog.StringValue(redacted)
	case class == body && !c.bodies:
		return c.size(v, depth)
	}
	return v
}

// any returns a value of any type as text, or as JSON.
func (c *cleaner) any(name string, x any, depth int) slog.Value {
	switch x := x.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		if v := reflect.ValueOf(x); v.Kind() == reflect.Pointer && v.IsNil() {
			return slog.AnyValue(nil)
		}
		return slog.StringValue(c.text(textOf(x.Error)))
	case cleanJSON:
		if len(x) > 8*c.limit {
			return slog.StringValue(c.text(string(x)))
		}
		return slog.AnyValue(x)
	}
	encoded := c.safeJSON(name, x, depth)
	if len(encoded) > 0 && encoded[0] == '"' {
		var s string
		if json.Unmarshal(encoded, &s) == nil {
			return slog.StringValue(s)
		}
	}
	return slog.AnyValue(cleanJSON(encoded))
}

// safeJSON returns a value as JSON, or that it cannot be read, for example because it changes
// meanwhile.
func (c *cleaner) safeJSON(name string, x any, depth int) (encoded []byte) {
	defer func() {
		if v := recover(); v != nil {
			encoded = jsonscan.AppendString(nil, c.text(panicText(v)))
		}
	}()
	return c.json(nil, name, reflect.ValueOf(x), depth, 8*c.limit)
}

// size returns what is logged instead of a body.
func (c *cleaner) size(v slog.Value, depth int) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(sizeText(len(v.String())))
	case slog.KindGroup:
		clean := c.attrs(attrSet{}, v.Group(), depth+1).list()
		return slog.StringValue(sizeText(len(appendClean(nil, slog.GroupValue(clean...)))))
	default:
	}
	if v.Any() == nil {
		return slog.AnyValue(nil)
	}
	switch rv := reflect.ValueOf(v.Any()); {
	case rv.Kind() == reflect.String, isByteSlice(rv.Type()):
		return slog.StringValue(sizeText(rv.Len()))
	default:
		return slog.StringValue(sizeText(len(c.safeJSON("", v.Any(), depth))))
	}
}

func sizeText(n int) string { return "[" + strconv.Itoa(n) + " bytes]" }

// cleanJSON is JSON without secrets.
type cleanJSON string

// MarshalJSON returns the JSON.
func (j cleanJSON) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// MarshalText returns the JSON.
func (j cleanJSON) MarshalText() ([]byte, error) { return []byte(j), nil }

// json appends a value as JSON: like encoding/json, with what that refuses as text. Once b has more
// than room bytes, the rest of lists and objects is counted.
func (c *cleaner) json(b []byte, name string, v reflect.Value, depth, room int) []byte {
	if c.left--; c.left < 0 || depth >= maxDepth {
		return jsonscan.AppendString(b, "[too many values]")
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || nilable(v.Kind()) && v.IsNil() {
		return append(b, "null"...)
	}
	t := v.Type()
	isTime := t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[time.Duration]()
	if t.Kind() != reflect.Bool && !isTime {
		switch class := c.names.of(name); {
		case class == secret, class == secrets && !jsontype.IsNumeric(t):
			return jsonscan.AppendString(b, redacted)
		case class == body && !jsontype.IsNumeric(t) && !c.bodies:
			return jsonscan.AppendString(b, c.size(slog.AnyValue(interfaceOf(v)), depth).String())
		}
	}
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return c.bytes(b, v.Bytes())
	case reflect.TypeFor[http.Cookie]():
		return jsonscan.AppendString(b, redacted)
	}
	if x := interfaceOf(v); x != nil {
		if b, ok := c.methods(b, name, x, depth, room); ok {
			return b
		}
	}
	return c.kind(b, name, v, depth, room)
}

func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	default:
		return false
	}
}

// interfaceOf returns a value, and nil for that of an unexported field.
func interfaceOf(v reflect.Value) any {
	if !v.CanInterface() {
		return nil
	}
	return v.Interface()
}

// methods appends a value whose type says how it looks, and reports whether it does.
func (c *cleaner) methods(b []byte, name string, x any, depth, room int) (_ []byte, ok bool) {
	switch x := x.(type) {
	case slog.Value:
		return c.slogJSON(b, name, x, depth), true
	case slog.Attr:
		return c.slogJSON(b, name, slog.GroupValue(x), depth), true
	case slog.LogValuer:
		return c.slogJSON(b, name, slog.AnyValue(x), depth), true
	case error:
		return appendClean(b, c.any(name, x, depth)), true
	case json.Number:
		if json.Valid([]byte(x)) {
			return append(b, x...), true
		}
		return jsonscan.AppendString(b, c.text(string(x))), true
	case json.Marshaler:
		var decoded any
		encoded, err := bytesOf(x.MarshalJSON)
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(encoded))
			decoder.UseNumber()
			err = decoder.Decode(&decoded)
		}
		if err != nil {
			return jsonscan.AppendString(b, c.text(failureText(err))), true
		}
		return c.json(b, name, reflect.ValueOf(decoded), depth+1, room), true
	case encoding.TextMarshaler:
		text, err := bytesOf(x.MarshalText)
		if err != nil {
			text = []byte(failureText(err))
		}
		return jsonscan.AppendString(b, c.text(string(text))), true
	}
	return b, false
}

// slogJSON appends a value of package slog.
func (c *cleaner) slogJSON(b []byte, name string, v slog.Value, depth int) []byte {
	return appendClean(b, c.value(name, v, depth+1))
}

// appendClean appends a value that is safe to log.
func appendClean(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindGroup:
		b = append(b, '{')
		for i, a := range v.Group() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsonscan.AppendString(b, a.Key), ':')
			b = appendClean(b, a.Value)
		}
		return append(b, '}')
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindDuration:
		return strconv.AppendInt(b, int64(v.Duration()), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindFloat64:
		return appendFloat(b, v.Float64(), 64)
	case slog.KindTime:
		return jsonscan.AppendString(b, v.Time().Format(time.RFC3339Nano))
	case slog.KindString:
		return jsonscan.AppendString(b, v.String())
	default:
		if j, ok := v.Any().(cleanJSON); ok {
			return append(b, j...)
		}
		return append(b, "null"...)
	}
}

// kind appends a value whose type has no methods for it.
func (c *cleaner) kind(b []byte, name string, v reflect.Value, depth, room int) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float(), v.Type().Bits())
	case reflect.String:
		return jsonscan.AppendString(b, c.text(v.String()))
	case reflect.Pointer, reflect.Interface:
		return c.json(b, name, v.Elem(), depth+1, room)
	case reflect.Map:
		return c.object(b, v, depth, room)
	case reflect.Struct:
		return c.fields(b, v, depth, room)
	case reflect.Slice, reflect.Array:
		if isByteSlice(v.Type()) {
			return c.bytes(b, byteSlice(v))
		}
		return c.list(b, name, v, depth, room)
	default: // complex numbers, channels, functions
		return jsonscan.AppendString(b, "["+v.Type().String()+"]")
	}
}

func appendFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return jsonscan.AppendString(b, strconv.FormatFloat(f, 'g', -1, bits))
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// isByteSlice reports whether a type is a slice or an array of bytes.
func isByteSlice(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}

func byteSlice(v reflect.Value) []byte {
	if v.Kind() == reflect.Slice {
		return v.Bytes()
	}
	all := make([]byte, v.Len())
	for i := range all { // reflect.Copy wants elements of the type byte itself
		all[i] = byte(v.Index(i).Uint())
	}
	return all
}

// bytes appends the size of bytes, or the bytes as text if bodies are asked for.
func (c *cleaner) bytes(b, data []byte) []byte {
	if !c.bodies {
		return jsonscan.AppendString(b, sizeText(len(data)))
	}
	if !utf8.Valid(data) {
		return jsonscan.AppendString(b, c.text(fmt.Sprintf("%x", data)))
	}
	return jsonscan.AppendString(b, c.text(string(data)))
}

func (c *cleaner) list(b []byte, name string, v reflect.Value, depth, room int) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if len(b) > room || c.left <= 0 {
			b = jsonscan.AppendString(b, moreText(v.Len()-i))
			break
		}
		b = c.json(b, name, v.Index(i), depth+1, room)
	}
	return append(b, ']')
}

func moreText(n int) string { return "[" + strconv.Itoa(n) + " more]" }

// object appends a map, by its keys.
func (c *cleaner) object(b []byte, v reflect.Value, depth, room int) []byte {
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, min(v.Len(), maxValues))
	for at := v.MapRange(); at.Next(); {
		entries = append(entries, entry{keyText(at.Key()), at.Value()})
		if len(entries) == maxValues {
			break
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	var pair string
	for _, e := range entries {
		pair = cmp.Or(pair, nameOfPair(e.key, e.value))
	}
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		if len(b) > room || c.left <= 0 {
			b = append(append(b, `"…":`...), jsonscan.AppendString(nil, moreText(v.Len()-i))...)
			break
		}
		b = append(jsonscan.AppendString(b, c.text(e.key)), ':')
		b = c.json(b, c.inPair(pair, e.key), e.value, depth+1, room)
	}
	return append(b, '}')
}

// nameOfPair returns the name in a pair of a name and a value if a member is that, and else "".
// Headers, tags and variables are often lists of pairs.
func nameOfPair(member string, v reflect.Value) string {
	if !strings.EqualFold(member, "name") && !strings.EqualFold(member, "key") {
		return ""
	}
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.String {
		return ""
	}
	return v.String()
}

// inPair returns the name that classifies a member: that of the pair, for the value in it.
func (c *cleaner) inPair(pair, member string) string {
	isValue := strings.EqualFold(member, "value") || strings.EqualFold(member, "values")
	if pair != "" && isValue && c.names.of(pair) > c.names.of(member) {
		return pair
	}
	return member
}

func keyText(key reflect.Value) string {
	if key.Kind() == reflect.String {
		return key.String()
	}
	x := interfaceOf(key)
	if m, ok := x.(encoding.TextMarshaler); ok {
		text, err := bytesOf(m.MarshalText)
		if err != nil {
			return failureText(err)
		}
		return string(text)
	}
	return textOf(func() string { return fmt.Sprint(x) })
}

// fields appends a struct, by the fields that encoding/json has for it.
func (c *cleaner) fields(b []byte, v reflect.Value, depth, room int) []byte {
	fields := jsontype.Fields(v.Type())
	if len(fields) == 0 {
		if s, ok := interfaceOf(v).(fmt.Stringer); ok {
			return jsonscan.AppendString(b, c.text(textOf(s.String)))
		}
	}
	var pair string
	for i := range fields {
		if value, err := v.FieldByIndexErr(fields[i].Index); err == nil {
			pair = cmp.Or(pair, nameOfPair(fields[i].Name, value))
		}
	}
	b = append(b, '{')
	first := true
	for i := range fields {
		f := &fields[i]
		value, err := v.FieldByIndexErr(f.Index)
		if err != nil || f.OmitEmpty && isEmpty(value) || f.OmitZero && value.IsZero() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if len(b) > room || c.left <= 0 {
			b = append(append(b, `"…":`...), jsonscan.AppendString(nil, moreText(len(fields)-i))...)
			break
		}
		b = append(jsonscan.AppendString(b, f.Name), ':')
		name := f.Name
		if c.names.of(f.GoName) > c.names.of(name) {
			name = f.GoName
		}
		b = c.json(b, c.inPair(pair, name), value, depth+1, room)
	}
	return append(b, '}')
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// textOf returns what a method of the application returns, or that it panicked.
func textOf(method func() string) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = panicText(v)
		}
	}()
	return method()
}

func bytesOf(method func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s", panicText(v))
		}
	}()
	return method()
}

func failureText(err error) string { return "!ERROR:" + textOf(err.Error) }

func panicText(v any) string { return fmt.Sprintf("!PANIC:%v", v) }

// attrSet is the attributes of a group. Its names are distinct: JSON with a name twice means
// different things to different readers.
type attrSet struct {
	own   []string // names that are taken by a record's own attributes
	attrs []slog.Attr
	more  int // attributes above the limit
}

// maxAttrs is how many attributes a group may have.
const maxAttrs = 256

// add adds an attribute. If its name is taken, by another value, it gets a number.
func (s attrSet) add(a slog.Attr) attrSet {
	name := a.Key
	for n := 2; ; n++ {
		at := slices.IndexFunc(s.attrs, func(other slog.Attr) bool { return other.Key == a.Key })
		switch {
		case slices.Contains(s.own, a.Key):
		case at >= 0 && same(s.attrs[at].Value, a.Value):
			return s
		case len(s.attrs) >= maxAttrs:
			s.more++
			return s
		case at < 0:
			s.attrs = append(s.attrs, a)
			return s
		}
		a.Key = name + "_" + strconv.Itoa(n)
	}
}

// has reports whether there is an attribute with a name.
func (s attrSet) has(name string) bool {
	return slices.ContainsFunc(s.attrs, func(a slog.Attr) bool { return a.Key == name })
}

// list returns the attributes, and says how many there are above the limit.
func (s attrSet) list() []slog.Attr {
	if s.more == 0 {
		return s.attrs
	}
	return append(s.attrs, slog.String("…", moreText(s.more)))
}

// same reports whether two clean values are equal.
func same(a, b slog.Value) bool {
	return a.Kind() != slog.KindGroup && b.Kind() != slog.KindGroup && a.Equal(b)
}
