package gatesock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Codec encodes and decodes the values of the application: the members of a request, and the data
// of a reply, an error or a push. The library itself encodes the envelope around them. The default
// is [JSON]; [WithCodec] sets another one, for example a faster JSON library. A Codec must be safe
// for concurrent use.
type Codec interface {
	// Marshal returns v as one JSON value in UTF-8. Any other result is logged and not sent, and the
	// client receives [CodeInternal]. On a [Raw] route Marshal may return any bytes, but at least one.
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes data into v, a pointer to the In of a handler, or the In itself if it is a
	// pointer. It must refuse bytes after the value. If it returns an [*Error], the client receives
	// that error. For other errors, among them those of encoding/json, the library writes a message
	// that names the wrong member.
	Unmarshal(data []byte, v any) error
}

// StrictCodec is a [Codec] that can refuse unknown members. [StrictDecoding] needs one.
type StrictCodec interface {
	Codec
	// UnmarshalStrict decodes like Unmarshal, but fails for a member that v does not have.
	UnmarshalStrict(data []byte, v any) error
}

// JSON is the default [Codec]. It is encoding/json without the escaping of <, > and &, which HTML
// pages need and WebSocket frames do not.
type JSON struct{}

var _ StrictCodec = JSON{}

// checkEncoded returns an error if data, which c returned, is not one JSON value in UTF-8.
// encoding/json returns no other.
func checkEncoded(c Codec, data []byte) error {
	if _, ok := c.(JSON); ok {
		return nil
	}
	s := jsonscan.NewScanner(data, nil)
	s.Skip()
	err := s.End()
	if err == nil && !utf8.Valid(data) {
		err = errors.New("the value is not UTF-8")
	}
	if err != nil {
		return fmt.Errorf("codec %T did not return one JSON value: %w", c, err)
	}
	return nil
}

// Marshal encodes v.
func (JSON) Marshal(v any) ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Unmarshal decodes data into v.
func (JSON) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// UnmarshalStrict decodes data into v, and fails for a member that v does not have.
func (JSON) UnmarshalStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("invalid JSON: data after the value")
	}
	return nil
}
