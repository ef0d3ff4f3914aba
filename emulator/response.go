package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errMalformed is wrapped by the errors of decodeResponse.
var errMalformed = errors.New("malformed Lambda proxy response")

// response is what a handler answered.
type response struct {
	statusCode   int
	body         []byte
	subprotocols []string // the values of Sec-WebSocket-Protocol
}

// decodeResponse reads a Lambda proxy response as strictly as the gateway does: it must be an object with a
// statusCode and may have the members of events.APIGatewayProxyResponse, and no other (observed: middy#1219,
// architect#1093).
func decodeResponse(data []byte) (response, error) {
	var r response
	if !json.Valid(data) {
		return r, fmt.Errorf("%w: not JSON", errMalformed)
	}
	if s := (jsonScanner{data: data}); s.next() != '{' {
		return r, fmt.Errorf("%w: not an object", errMalformed)
	}
	var (
		err    error
		binary bool
	)
	members(data, func(key, value []byte) bool {
		err = r.set(key, value, &binary)
		return err == nil
	})
	switch {
	case err != nil:
		return r, err
	case r.statusCode == 0:
		return r, fmt.Errorf("%w: no statusCode", errMalformed)
	case binary:
		return r.decodeBase64()
	}
	return r, nil
}

func (r *response) decodeBase64() (response, error) {
	n, err := base64.StdEncoding.Decode(r.body, r.body)
	if err != nil {
		return *r, fmt.Errorf("%w: body: %w", errMalformed, err)
	}
	r.body = r.body[:n]
	return *r, nil
}

// set takes one member of the response.
func (r *response) set(key, value []byte, binary *bool) error {
	switch name := string(key); name {
	case `"statusCode"`:
		return r.setStatusCode(value)
	case `"body"`:
		return r.setBody(value)
	case `"headers"`:
		return r.setHeaders(value)
	case `"multiValueHeaders"`:
		return r.setMultiValueHeaders(value)
	case `"isBase64Encoded"`:
		*binary = string(value) == "true"
		if !*binary && string(value) != "false" {
			return fmt.Errorf("%w: isBase64Encoded is %.20s", errMalformed, value)
		}
		return nil
	default:
		return fmt.Errorf("%w: unknown member %.80s", errMalformed, name)
	}
}

func (r *response) setStatusCode(value []byte) error {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 200 || n > 599 {
		return fmt.Errorf("%w: statusCode is %.20s", errMalformed, value)
	}
	r.statusCode = n
	return nil
}

func (r *response) setBody(value []byte) error {
	switch value[0] {
	case '"':
		r.body = appendUnquoted(make([]byte, 0, len(value)), value)
	case 'n':
		r.body = nil
	default:
		return fmt.Errorf("%w: body is no string", errMalformed)
	}
	return nil
}

func (r *response) setHeaders(value []byte) error {
	if value[0] != '{' && value[0] != 'n' {
		return fmt.Errorf("%w: headers is no object", errMalformed)
	}
	var err error
	members(value, func(name, v []byte) bool {
		err = r.addHeader(name, v)
		return err == nil
	})
	return err
}

func (r *response) setMultiValueHeaders(value []byte) error {
	if value[0] != '{' && value[0] != 'n' {
		return fmt.Errorf("%w: multiValueHeaders is no object", errMalformed)
	}
	var err error
	members(value, func(name, values []byte) bool {
		if values[0] != '[' && values[0] != 'n' {
			err = fmt.Errorf("%w: multiValueHeaders: %.80s is no array", errMalformed, name)
			return false
		}
		elements(values, func(v []byte) bool {
			err = r.addHeader(name, v)
			return err == nil
		})
		return err == nil
	})
	return err
}

// addHeader takes note of the one header that reaches the client. A header's value may be of any scalar type.
func (r *response) addHeader(rawName, value []byte) error {
	name := string(appendUnquoted(nil, rawName))
	if value[0] == '{' || value[0] == '[' {
		return fmt.Errorf("%w: header %.80q has no scalar value", errMalformed, name)
	}
	if !strings.EqualFold(name, headerProtocol) || value[0] == 'n' {
		return nil
	}
	text := string(value)
	if value[0] == '"' {
		text = string(appendUnquoted(nil, value))
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return fmt.Errorf("%w: header %s has a line break", errMalformed, name)
	}
	r.subprotocols = append(r.subprotocols, text)
	return nil
}
