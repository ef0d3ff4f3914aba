package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Text returns everything in a project in a form for people and for golden files: one line for each
// value that is not the zero value. Paths below the project's folder are relative to it, with
// slashes.
func Text(p *Project) string {
	w := textWriter{folder: p.Folder}
	for _, f := range p.Findings {
		place := w.path(f.File)
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, f.Line)
		}
		if f.Resource != "" {
			place += " " + f.Resource
		}
		fmt.Fprintf(&w.b, "%s %s: %s\n", f.Severity, place, w.path(f.Text))
	}
	rest := *p
	rest.Folder, rest.Findings = "", nil
	w.write(0, reflect.ValueOf(rest))
	return w.b.String()
}

// String returns "notice", "warning" or "failure".
func (s Severity) String() string {
	switch s {
	case Notice:
		return "notice"
	case Warning:
		return "warning"
	case Failure:
		return "failure"
	}
	return "unknown"
}

type textWriter struct {
	b      strings.Builder
	folder string
}

// path returns a text in which the project's folder is ".".
func (w *textWriter) path(text string) string {
	if w.folder == "" {
		return text
	}
	text = strings.ReplaceAll(text, w.folder+string(filepath.Separator), "./")
	if text == w.folder {
		return "."
	}
	return filepath.ToSlash(text)
}

// write writes the members of a value, each in a line.
func (w *textWriter) write(depth int, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				w.member(depth, v.Type().Field(n).Name, v.Field(n))
			}
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(maps.Keys(mapOf(v)), strings.Compare) {
			value := mapOf(v)[key]
			if text, ok := w.scalar(value); ok || value.IsZero() { // there is one
				w.line(depth, key, text)
				continue
			}
			w.member(depth, key, value)
		}
	default:
		w.member(depth, "value", v)
	}
}

func mapOf(v reflect.Value) map[string]reflect.Value {
	m := make(map[string]reflect.Value, v.Len())
	for _, key := range v.MapKeys() {
		m[key.String()] = v.MapIndex(key)
	}
	return m
}

func (w *textWriter) line(depth int, name, text string) {
	fmt.Fprintln(&w.b, strings.TrimRight(strings.Repeat("  ", depth)+name+": "+text, " "))
}

// member writes a value with a name, unless it is the zero value.
func (w *textWriter) member(depth int, name string, v reflect.Value) {
	set := false
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v, set = v.Elem(), true
	}
	if v.IsZero() && !set {
		return
	}
	if text, ok := w.scalar(v); ok {
		w.line(depth, name, text)
		return
	}
	if v.Kind() != reflect.Slice {
		w.line(depth, name, "")
		w.write(depth+1, v)
		return
	}
	for n := range v.Len() {
		if text, ok := w.scalar(v.Index(n)); ok {
			w.line(depth, name, text)
			continue
		}
		w.line(depth, name, "")
		w.write(depth+1, reflect.Indirect(v.Index(n)))
	}
}

// scalar returns a value that needs no lines of its own, and reports whether it is one.
func (w *textWriter) scalar(v reflect.Value) (string, bool) {
	switch value := v.Interface().(type) {
	case json.RawMessage:
		return string(value), true
	case []byte:
		return fmt.Sprintf("%q", value), true
	case time.Duration:
		return value.String(), true
	}
	if v.Kind() == reflect.String {
		text := w.path(v.String())
		if text == "" || strings.ContainsAny(text, "\n\r\t") || strings.TrimSpace(text) != text {
			text = fmt.Sprintf("%q", text)
		}
		return text, true
	}
	if v.Kind() == reflect.Bool || v.CanInt() || v.CanFloat() {
		return fmt.Sprint(v.Interface()), true
	}
	return "", false
}
