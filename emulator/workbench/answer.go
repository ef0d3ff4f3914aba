package workbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxRequest is how many bytes the body of a request may have.
const maxRequest = 1 << 20

// endpoint serves a request of the HTTP API. It returns the status and what is written as JSON, or
// an error, which is a *problem or else a 500.
type endpoint func(r *http.Request) (status int, answer any, err error)

// ServeHTTP writes the answer of the endpoint.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	status, answer, err := e(r)
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, status, answer)
}

// problem is an error of a request, as its answer has it.
type problem struct {
	status int

	Text         string `json:"error"`
	Status       int    `json:"status,omitempty"` // what a client of the gateway gets
	ConnectionID string `json:"connectionId,omitempty"`
	RequestID    string `json:"requestId,omitempty"`
}

func (p *problem) Error() string { return p.Text }

// failure returns the error of a request with the status of its answer.
func failure(status int, format string, args ...any) *problem {
	return &problem{status: status, Text: fmt.Sprintf(format, args...)}
}

func writeError(w http.ResponseWriter, err error) {
	var p *problem
	if !errors.As(err, &p) {
		p = failure(http.StatusInternalServerError, "%v", err)
	}
	writeJSON(w, p.status, p)
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	text, err := encode(answer)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"The answer could not be written as JSON."}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // it fails if the client has gone
}

// encode returns a value as JSON on one line.
func encode(value any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// checkContentType returns an error for a body that does not say that it is JSON: a form of another
// site can't say so.
func checkContentType(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.ContentLength == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return failure(http.StatusUnsupportedMediaType, "A body needs the header Content-Type: application/json.")
	}
	return nil
}

// decode decodes the body of a request into a struct. The error names the member that is wrong.
func decode(r *http.Request, into any) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return failure(http.StatusBadRequest, "The request has no body; want a JSON object.")
	}
	return decodeText(body, into)
}

// readBody returns the body of a request, which must be UTF-8: decoding would replace what is not.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, failure(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", maxRequest)
	case err != nil:
		return nil, failure(http.StatusBadRequest, "The body could not be read: %v", err)
	case !utf8.Valid(body):
		return nil, failure(http.StatusBadRequest, "The body is not UTF-8.")
	}
	return body, nil
}

func decodeText(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, extra := d.Token(); extra != io.EOF {
			return failure(http.StatusBadRequest, "The body has more than one JSON value.")
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &wrong) && wrong.Field != "":
		return failure(http.StatusBadRequest, "%s: got a JSON %s, want %s.", wrong.Field, wrong.Value, nameOf(wrong.Type.Kind().String()))
	case errors.As(err, &wrong):
		return failure(http.StatusBadRequest, "The body is a JSON %s; want an object.", wrong.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return failure(http.StatusBadRequest, "The body is not JSON: it ends too early.")
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if name, ok := strings.CutPrefix(text, "unknown field "); ok {
		return failure(http.StatusBadRequest, "%s: no such member.", strings.Trim(name, `"`))
	}
	return failure(http.StatusBadRequest, "The body is not as it should be: %s.", text)
}

// nameOf returns what a kind of Go is called in JSON.
func nameOf(kind string) string {
	switch {
	case kind == "struct" || kind == "map":
		return "an object"
	case kind == "slice" || kind == "array":
		return "an array"
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") || strings.HasPrefix(kind, "float"):
		return "a number"
	}
	return "a " + kind
}
