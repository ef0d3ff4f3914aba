// Package api serves operations of AWS in the protocols that SDKs speak: JSON 1.0 and 1.1, and
// Query with its forms and XML. An operation is a function from an input to an output struct; see
// package awsquery for their tags.
package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/awsquery"
)

// maxBody is the most that a request may have, above what any of the services takes.
const maxBody = 16 << 20

// Error is how an operation fails.
type Error struct {
	// Code is the name of the error, such as "QueueDoesNotExist".
	Code string
	// QueryCode is its name in the Query protocol, such as "AWS.SimpleQueueService.NonExistentQueue";
	// Code if empty.
	QueryCode string
	// Message is a sentence for the caller.
	Message string
	// Status is that of HTTP; 400 if it is 0.
	Status int
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an error with a code.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Operation handles one call. It fills an input by calling decode.
type Operation func(ctx context.Context, decode func(in any) error) (out any, err error)

// Op returns the operation that f is.
func Op[I, O any](f func(ctx context.Context, in *I) (*O, error)) Operation {
	return func(ctx context.Context, decode func(in any) error) (any, error) {
		in := new(I)
		if err := decode(in); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// Nothing is the output of an operation that has none.
type Nothing struct{}

// Service is a service of AWS. It is an [http.Handler].
type Service struct {
	// Name is such as "sqs".
	Name string
	// Namespace is that of its XML, and of its errors' types in JSON.
	Namespace, Types string
	// JSON is the version of its JSON protocol, "1.0" or "1.1"; empty if it speaks none. Query is set
	// if it speaks Query.
	JSON  string
	Query bool
	// Operations are those that are served, by name.
	Operations map[string]Operation
	// Refused is told what a caller wants that is not there, and who has it, in a sentence.
	Refused func(text string)
}

// ServeHTTP serves one call.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := NewID()
	w.Header().Set("X-Amzn-Requestid", id)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.fail(w, r, id, &Error{Code: "RequestEntityTooLarge", Message: err.Error(), Status: http.StatusRequestEntityTooLarge})
		return
	}
	name, decode, err := s.read(r, body)
	if err != nil {
		s.fail(w, r, id, err)
		return
	}
	op := s.Operations[name]
	if op == nil {
		s.fail(w, r, id, s.unknown(r, name))
		return
	}
	out, err := op(r.Context(), decode)
	if err != nil {
		s.fail(w, r, id, err)
		return
	}
	if IsJSON(r) {
		s.writeJSON(w, http.StatusOK, out)
		return
	}
	if _, none := out.(*Nothing); none {
		out = nil
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(awsquery.Encode(s.Namespace, name, id, out)) // the caller may have gone
}

// IsJSON reports whether a request speaks one of the JSON protocols.
func IsJSON(r *http.Request) bool { return r.Header.Get("X-Amz-Target") != "" }

// read returns the name of the operation, and what decodes its input.
func (s *Service) read(r *http.Request, body []byte) (name string, decode func(any) error, err error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndexByte(target, '.')+1:]
		if s.JSON == "" {
			return "", nil, Errorf("UnknownOperationException", "%s has no JSON protocol here; %s was called", s.Name, target)
		}
		return name, func(in any) error {
			if len(body) == 0 {
				return nil
			}
			if err := json.Unmarshal(body, in); err != nil {
				return Errorf("SerializationException", "the body of %s: %v", name, err)
			}
			return nil
		}, nil
	}
	form := r.URL.Query()
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return "", nil, Errorf("MalformedQueryString", "the form of the request: %v", err)
	}
	for k, v := range fields {
		form[k] = v
	}
	name = form.Get("Action")
	switch {
	case name == "":
		return "", nil, Errorf("MissingAction", "the request to %s names no operation: no X-Amz-Target and no Action", s.Name)
	case !s.Query:
		return "", nil, Errorf("InvalidAction", "%s has no Query protocol; %s was called", s.Name, name)
	}
	return name, func(in any) error {
		if err := awsquery.Decode(form, in); err != nil {
			return &Error{Code: "InvalidParameterValue", Message: err.Error()}
		}
		return nil
	}, nil
}

func (s *Service) unknown(r *http.Request, name string) error {
	text := fmt.Sprintf("gatesock dev does not serve %s of %s", name, s.Name)
	if s.Refused != nil {
		s.Refused(text)
	}
	code := "UnknownOperationException"
	if !IsJSON(r) {
		code = "InvalidAction"
	}
	return Errorf(code, "%s", text)
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, id string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	status, query := e.Status, e.QueryCode
	if status == 0 {
		status = http.StatusBadRequest
	}
	if query == "" {
		query = e.Code
	}
	kind := "Sender"
	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	if !IsJSON(r) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = w.Write(awsquery.EncodeError(s.Namespace, id, kind, query, e.Message)) // the caller may have gone
		return
	}
	if s.Query {
		w.Header().Set("X-Amzn-Query-Error", query+";"+kind)
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	s.writeJSON(w, status, map[string]string{"__type": s.Types + e.Code, "message": e.Message})
}

func (s *Service) writeJSON(w http.ResponseWriter, status int, out any) {
	body, err := json.Marshal(out)
	if err != nil { // of strings, numbers, lists and maps there is none
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-"+s.JSON)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone
}

// NewID returns a random UUID, as requests, messages and events have it.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
