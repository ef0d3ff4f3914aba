// Package proxyresponse decodes the Lambda proxy responses of handlers as strictly as API Gateway
// does. It is shared by package emulator, which answers for a malformed response, and package
// wstest, which reports it.
package proxyresponse

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// ErrMalformed is wrapped by every error of [Decode].
var ErrMalformed = errors.New("malformed Lambda proxy response")

const headerProtocol = "Sec-WebSocket-Protocol"

// Response is what a handler returned.
type Response struct {
	StatusCode   int
	Body         []byte   // decoded if the handler sent base64
	Subprotocols []string // the values of Sec-WebSocket-Protocol
}

// Decode reads a Lambda proxy response. It must be an object with a statusCode, and may have the
// other members of events.APIGatewayProxyResponse, but no further ones (observed: middy#1219,
// architect#1093). If stringStatus is true, the statusCode may be a string of digits.
func Decode(data []byte, stringStatus bool) (Response, error) {
	r := response{stringStatus: stringStatus}
	s := jsonscan.NewScanner(data, nil)
	if s.Peek() != '{' {
		if s.Skip(); s.End() != nil {
			return Response{}, fmt.Errorf("%w: not JSON", ErrMalformed)
		}
		return Response{}, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	err := r.read(&s)
	if syntax := s.End(); syntax != nil {
		err = fmt.Errorf("%w: %w", ErrMalformed, syntax)
	}
	switch {
	case err != nil:
		return Response{}, err
	case r.statusCode < 200 || r.statusCode > 599:
		return Response{}, fmt.Errorf("%w: no statusCode from 200 to 599, got %d", ErrMalformed, r.statusCode)
	case r.base64:
		if err := r.decodeBase64(); err != nil {
			return Response{}, err
		}
	}
	return Response{StatusCode: int(r.statusCode), Body: r.body, Subprotocols: r.subprotocols}, nil
}

// response is a response while it is read.
type response struct {
	statusCode   int64
	body         []byte
	base64       bool
	subprotocols []string
	stringStatus bool // accept a statusCode that is a string
}

func (r *response) decodeBase64() error {
	n, err := base64.StdEncoding.Decode(r.body, r.body)
	if err != nil {
		return fmt.Errorf("%w: body: %w", ErrMalformed, err)
	}
	r.body = r.body[:n]
	return nil
}

// read reads the members of the response. Syntax errors are left to the scanner.
func (r *response) read(s *jsonscan.Scanner) (err error) {
	s.Open('{')
	for s.More('}') {
		switch key := s.Key(); string(key) {
		case "statusCode":
			if r.stringStatus && s.Peek() == '"' {
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
			err = errors.Join(err, fmt.Errorf("%w: unknown member %.80q", ErrMalformed, key))
			s.Skip()
		}
	}
	return err
}

func (r *response) readStringStatus(s *jsonscan.Scanner) error {
	var text string
	s.String(&text)
	status, err := strconv.ParseUint(text, 10, 16) // accepts no sign
	if err != nil {
		return fmt.Errorf("%w: statusCode %.80q", ErrMalformed, text)
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

// readHeader reads the value of a header, which may be of any scalar type. It keeps the value of
// the only header that reaches the client.
func (r *response) readHeader(name string, s *jsonscan.Scanner) error {
	if c := s.Peek(); c == '{' || c == '[' {
		s.Skip()
		return fmt.Errorf("%w: header %.80q: want a string, number or boolean", ErrMalformed, name)
	}
	value, ok := s.Scalar()
	switch {
	case !ok || !strings.EqualFold(name, headerProtocol):
		return nil
	case !isProtocolList(value):
		return fmt.Errorf("%w: header %s: want visible ASCII, got %.80q", ErrMalformed, name, value)
	}
	r.subprotocols = append(r.subprotocols, value)
	return nil
}

// isProtocolList reports whether value is valid in Sec-WebSocket-Protocol: visible ASCII, with
// spaces and commas only in between.
func isProtocolList(value string) bool {
	visible := func(c rune) bool { return ' ' <= c && c <= '~' }
	return strings.IndexFunc(value, func(c rune) bool { return !visible(c) }) < 0 && strings.Trim(value, " ,") == value
}
