// Package awsquery reads requests and writes responses of the Query protocol of AWS, in which the
// input is a form and the output XML. SNS and STS speak it, and the SDKs before 2023 spoke it with
// SQS.
//
// Inputs and outputs are structs whose fields have the names of the members of the operation, so
// that encoding/json reads and writes the same structs for the JSON protocols. A tag says how a
// list or a map is called in a form and in XML:
//
//	AttributeNames []string          `query:"AttributeName"`              // AttributeName.1=…
//	Entries        []entry           `query:"Entries.member"`             // Entries.member.1.Id=…
//	Attributes     map[string]string `query:"Attributes.entry,key,value"` // Attributes.entry.1.key=…
//
// Fields are strings, bools, ints, pointers to ints and strings, []byte, structs, lists and maps of
// them with string keys.
package awsquery

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// most is how many elements of a list are read. No operation takes as many.
const most = 1000

// Decode sets the fields of the struct that in points to from a form. Members that the form has and
// the struct has not are ignored, as AWS does it.
func Decode(form url.Values, in any) error {
	d := decoder{form, make(map[string]bool)}
	for key := range form {
		for i, c := range key {
			if c == '.' {
				d.prefixes[key[:i]] = true
			}
		}
		d.prefixes[key] = true
	}
	return d.structure("", reflect.ValueOf(in).Elem())
}

type decoder struct {
	form     url.Values
	prefixes map[string]bool // of the form's keys, cut at a dot or whole
}

func (d decoder) structure(prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous { // its fields are this struct's
			if err := d.structure(prefix, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		name, key, value := names(v.Type().Field(i))
		if err := d.value(prefix+name, key, value, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d decoder) value(name, key, value string, v reflect.Value) error {
	if !d.prefixes[name] {
		return nil
	}
	text := d.form.Get(name)
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%s must be true or false", name)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s must be a whole number", name)
		}
		v.SetInt(int64(n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(name, key, value, v.Elem())
	case reflect.Struct:
		return d.structure(name+".", v)
	case reflect.Slice:
		return d.list(name, v)
	case reflect.Map:
		return d.mapping(name, key, value, v)
	default:
		panic("awsquery: no form for a " + v.Type().String())
	}
	return nil
}

func (d decoder) list(name string, v reflect.Value) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		data, err := base64.StdEncoding.DecodeString(d.form.Get(name))
		if err != nil {
			return fmt.Errorf("%s must be Base64", name)
		}
		v.SetBytes(data)
		return nil
	}
	for n := 1; n <= most && d.prefixes[name+"."+strconv.Itoa(n)]; n++ {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(name+"."+strconv.Itoa(n), "", "", element); err != nil {
			return err
		}
		v.Set(reflect.Append(v, element))
	}
	return nil
}

func (d decoder) mapping(name, key, value string, v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	for n := 1; n <= most && d.prefixes[name+"."+strconv.Itoa(n)]; n++ {
		entry := name + "." + strconv.Itoa(n) + "."
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(entry+value, "", "", element); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(d.form.Get(entry+key)), element)
	}
	return nil
}

// names returns what a field is called, and what the keys and values of a map are.
func names(f reflect.StructField) (name, key, value string) {
	tag, ok := f.Tag.Lookup("query")
	if !ok {
		return f.Name, "key", "value"
	}
	parts := strings.Split(tag, ",")
	if len(parts) == 3 {
		return parts[0], parts[1], parts[2]
	}
	return parts[0], "key", "value"
}

// Encode returns the response of an operation, with out, a struct or a pointer to one, as its
// result. A nil out is an operation without result.
func Encode(namespace, operation, requestID string, out any) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<%sResponse xmlns=%q>", operation, namespace)
	if out != nil {
		open(&b, operation+"Result")
		encodeStruct(&b, reflect.Indirect(reflect.ValueOf(out)))
		shut(&b, operation+"Result")
	}
	b.WriteString("<ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata>")
	fmt.Fprintf(&b, "</%sResponse>", operation)
	return b.Bytes()
}

// EncodeError returns the response of an operation that has failed.
func EncodeError(namespace, requestID, kind, code, message string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<ErrorResponse xmlns=%q><Error>", namespace)
	element(&b, "Type", kind)
	element(&b, "Code", code)
	element(&b, "Message", message)
	b.WriteString("</Error>")
	element(&b, "RequestId", requestID)
	b.WriteString("</ErrorResponse>")
	return b.Bytes()
}

// Error returns an error as S3 has it, without what is around it in the Query protocol.
func Error(code, message string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	open(&b, "Error")
	element(&b, "Code", code)
	element(&b, "Message", message)
	shut(&b, "Error")
	return b.Bytes()
}

func encodeStruct(b *bytes.Buffer, v reflect.Value) {
	for i := range v.NumField() {
		name, key, value := names(v.Type().Field(i))
		encode(b, name, key, value, v.Field(i))
	}
}

func encode(b *bytes.Buffer, name, key, value string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			element(b, name, v.String())
		}
	case reflect.Bool:
		element(b, name, strconv.FormatBool(v.Bool()))
	case reflect.Int:
		element(b, name, strconv.FormatInt(v.Int(), 10))
	case reflect.Pointer:
		if !v.IsNil() {
			encode(b, name, key, value, v.Elem())
		}
	case reflect.Struct:
		open(b, name)
		encodeStruct(b, v)
		shut(b, name)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Len() > 0 {
				element(b, name, base64.StdEncoding.EncodeToString(v.Bytes()))
			}
			return
		}
		outer, inner, nested := strings.Cut(name, ".")
		if nested {
			open(b, outer)
			defer shut(b, outer)
			name = inner
		}
		for i := range v.Len() {
			encode(b, name, "", "", v.Index(i))
		}
	case reflect.Map:
		encodeMap(b, name, key, value, v)
	default:
		panic("awsquery: no XML for a " + v.Type().String())
	}
}

func encodeMap(b *bytes.Buffer, name, key, value string, v reflect.Value) {
	outer, inner, nested := strings.Cut(name, ".")
	if nested {
		open(b, outer)
		defer shut(b, outer)
		name = inner
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	for _, k := range keys {
		open(b, name)
		element(b, key, k.String())
		encode(b, value, "", "", v.MapIndex(k))
		shut(b, name)
	}
}

func element(b *bytes.Buffer, name, text string) {
	open(b, name)
	_ = xml.EscapeText(b, []byte(text)) // a buffer takes everything
	shut(b, name)
}

func open(b *bytes.Buffer, name string) { b.WriteString("<" + name + ">") }

func shut(b *bytes.Buffer, name string) { b.WriteString("</" + name + ">") }
