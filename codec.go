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

// Codec turns typed values into JSON and back. It handles what is the application's own: the members
// of a request, and the data of a reply, an error or a push. The envelope around them is the library's.
//
// A Codec must be safe for concurrent use. Marshal must return one JSON value in UTF-8; anything else is not sent, but logged
// and answered with [CodeInternal]. It is bound to that no more than to JSON on a [Raw] route. Unmarshal refuses
// bytes after the value. Its target is a pointer to the In of the handler, or the In itself if that is a pointer. An [*Error] that Unmarshal returns reaches the client as it is; of other
// errors, those of encoding/json are put into words that name the member.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// StrictCodec is a [Codec] that can refuse members that the target does not have; [StrictDecoding] needs one.
type StrictCodec interface {
	Codec
	UnmarshalStrict(data []byte, v any) error
}

// JSON is the default [Codec]: encoding/json, without the escaping of <, > and & that HTML pages want and
// WebSocket frames pay for by the byte.
type JSON struct{}

var _ StrictCodec = JSON{}

// checkEncoded returns an error if what a codec has made is not one JSON value in UTF-8. encoding/json makes no other.
func checkEncoded(c Codec, data []byte) error {
	if _, ok := c.(JSON); ok {
		return nil
	}
	s := jsonscan.NewScanner(data, nil)
	s.Skip()
	err := s.End()
	if err == nil && !utf8.Valid(data) {
		err = errors.New("it is not UTF-8")
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

// UnmarshalStrict decodes data into v and refuses members that v does not have.
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
