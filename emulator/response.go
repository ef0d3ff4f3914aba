package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// errMalformed is wrapped by the errors of decodeResponse.
var errMalformed = errors.New("malformed Lambda proxy response")

// response is what a handler answered.
type response struct {
	statusCode   int64
	body         []byte
	base64       bool
	subprotocols []string // the values of Sec-WebSocket-Protocol
	raw          []byte   // of an authorizer, which answers otherwise
}

// decodeResponse reads a Lambda proxy response as strictly as the gateway does: it must be an object with a
// statusCode and may have the members of events.APIGatewayProxyResponse, and no other (observed: middy#1219,
// architect#1093).
func decodeResponse(data []byte, u *Undocumented) (response, error) {
	var r response
	s := jsonscan.NewScanner(data, nil)
	if s.Peek() != '{' {
		if s.Skip(); s.End() != nil {
			return r, fmt.Errorf("%w: not JSON", errMalformed)
		}
		return r, fmt.Errorf("%w: not an object", errMalformed)
	}
	err := r.read(&s, u)
	if syntax := s.End(); syntax != nil {
		err = fmt.Errorf("%w: %w", errMalformed, syntax)
	}
	switch {
	case err != nil:
		return response{}, err
	case r.statusCode < 200 || r.statusCode > 599:
		return response{}, fmt.Errorf("%w: no statusCode, or one that can't be: %d", errMalformed, r.statusCode)
	case r.base64:
		err = r.decodeBase64()
	}
	return r, err
}

func (r *response) decodeBase64() error {
	n, err := base64.StdEncoding.Decode(r.body, r.body)
	if err != nil {
		return fmt.Errorf("%w: body: %w", errMalformed, err)
	}
	r.body = r.body[:n]
	return nil
}

// read reads the response's members. What is wrong about the JSON itself is left to the scanner.
func (r *response) read(s *jsonscan.Scanner, u *Undocumented) (err error) {
	s.Open('{')
	for s.More('}') {
		switch key := s.Key(); string(key) {
		case "statusCode":
			if u.AcceptStringStatus && s.Peek() == '"' {
				err = errors.Join(err, r.readStringStatus(s))
				continue
			}
			s.Int(&r.statusCode)
		case "body":
			r.body = s.Bytes()
		case "headers":
			err = errors.Join(err, r.readHeaders(s))
		case "multiValueHeaders":
			err = errors.Join(err, r.readMultiValueHeaders(s))
		case "isBase64Encoded":
			s.Bool(&r.base64)
		default:
			err = errors.Join(err, fmt.Errorf("%w: unknown member %.80q", errMalformed, key))
			s.Skip()
		}
	}
	return err
}

func (r *response) readStringStatus(s *jsonscan.Scanner) error {
	var text string
	s.String(&text)
	status, err := strconv.ParseUint(text, 10, 16) // which takes no sign
	if err != nil {
		return fmt.Errorf("%w: statusCode %.80q", errMalformed, text)
	}
	r.statusCode = int64(status)
	return nil
}

func (r *response) readHeaders(s *jsonscan.Scanner) (err error) {
	if !s.Open('{') {
		return nil
	}
	for s.More('}') {
		err = errors.Join(err, r.readHeader(s.Name(), s))
	}
	return err
}

func (r *response) readMultiValueHeaders(s *jsonscan.Scanner) (err error) {
	if !s.Open('{') {
		return nil
	}
	for s.More('}') {
		name := s.Name()
		if !s.Open('[') {
			continue
		}
		for s.More(']') {
			err = errors.Join(err, r.readHeader(name, s))
		}
	}
	return err
}

// readHeader reads a header's value, which may be of any scalar type, and keeps that of the one header that reaches the
// client.
func (r *response) readHeader(name string, s *jsonscan.Scanner) error {
	if c := s.Peek(); c == '{' || c == '[' {
		s.Skip()
		return fmt.Errorf("%w: header %.80q has no scalar value", errMalformed, name)
	}
	value, ok := s.Scalar()
	switch {
	case !ok || !strings.EqualFold(name, headerProtocol):
		return nil
	case !isProtocolList(value):
		return fmt.Errorf("%w: header %s is not made of visible ASCII: %.80q", errMalformed, name, value)
	}
	r.subprotocols = append(r.subprotocols, value)
	return nil
}

// isProtocolList tells whether a value can stand in Sec-WebSocket-Protocol: visible ASCII, with spaces and commas only
// in between.
func isProtocolList(value string) bool {
	visible := func(c rune) bool { return ' ' <= c && c <= '~' }
	return strings.IndexFunc(value, func(c rune) bool { return !visible(c) }) < 0 && strings.Trim(value, " ,") == value
}

// ValidateResponse returns what a gateway with those Undocumented finds wrong with what a handler returned, which should be a
// Lambda proxy response; nil if nothing. The client of a malformed one sees "Internal server error" (§6 of
// docs/gateway-facts.md).
func ValidateResponse(data []byte, u Undocumented) error {
	_, err := decodeResponse(data, &u)
	return err
}
