package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Limits of payloads, as Lambda has them.
const (
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
)

// serveLambda serves the operations Invoke and InvokeAsync of Lambda.
func (c *Cloud) serveLambda(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", api.NewID())
	path := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	if len(path) != 4 || path[1] != "functions" || r.Method != http.MethodPost {
		c.refuseLambda(w, r)
		return
	}
	name, err := url.PathUnescape(path[2])
	if err != nil {
		lambdaError(w, http.StatusBadRequest, "InvalidParameterValueException", "the name of the function: "+err.Error())
		return
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	switch {
	case path[0] == "2015-03-31" && path[3] == "invocations":
	case path[0] == "2014-11-13" && path[3] == "invoke-async":
		kind = "Event"
	default:
		c.refuseLambda(w, r)
		return
	}
	f := c.cfg.Project.Function(name)
	if f == nil {
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+c.functionARN(name))
		return
	}
	c.invoke(w, r, f, kind)
}

// functionARN returns the ARN that a name of a function stands for.
func (c *Cloud) functionARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	if i := strings.LastIndex(name, "function:"); i >= 0 {
		name = name[i+len("function:"):]
	}
	return "arn:aws:lambda:" + c.cfg.Project.Region + ":" + c.cfg.Project.AccountID + ":function:" + name
}

func (c *Cloud) refuseLambda(w http.ResponseWriter, r *http.Request) {
	text := "gatesock dev serves only Invoke of lambda, not " + r.Method + " " + oneline.Of(r.URL.Path, 120)
	c.refused(text)
	lambdaError(w, http.StatusNotFound, "UnknownOperationException", text)
}

func lambdaError(w http.ResponseWriter, status int, code, message string) {
	kind := "User"
	if status >= http.StatusInternalServerError {
		kind = "Service"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	writeJSON(w, map[string]string{"Type": kind, "Message": message})
}

func (c *Cloud) invoke(w http.ResponseWriter, r *http.Request, f *project.Function, kind string) {
	limit := maxSyncPayload
	switch kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		limit = maxAsyncPayload
	default:
		lambdaError(w, http.StatusBadRequest, "InvalidParameterValueException", "Unknown invocation type "+kind)
		return
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		lambdaError(w, http.StatusBadRequest, "InvalidRequestContentException", "the payload: "+err.Error())
		return
	}
	payload = bytes.TrimSpace(payload)
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	switch {
	case len(payload) > limit:
		lambdaError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit))
	case !json.Valid(payload):
		lambdaError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: it is not JSON")
	case kind == "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case kind == "Event":
		c.enqueue(f, payload, "lambda:Invoke")
		w.WriteHeader(http.StatusAccepted)
	default:
		c.invokeAndWait(w, r, f, payload)
	}
}

func (c *Cloud) invokeAndWait(w http.ResponseWriter, r *http.Request, f *project.Function, payload []byte) {
	begin := c.clock.Now()
	response, err := c.call(r.Context(), f, payload)
	c.log(Event{
		Time: begin, Kind: KindInvoke, Source: "lambda:Invoke", Target: f.ID, Duration: c.clock.Now().Sub(begin), Err: err,
		Attempts: 1, Text: oneline.Of(string(response), maxText),
	})
	if isThrottle(err) {
		lambdaError(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		response = errorPayload(err)
	}
	_, _ = w.Write(response) // the caller may have gone
}

// call invokes a function. The context ends with the cloud. A function that returns nothing has
// returned null.
func (c *Cloud) call(ctx context.Context, f *project.Function, payload []byte) ([]byte, error) {
	response, err := c.cfg.Invoke(ctx, f.ID, payload)
	if err == nil && len(bytes.TrimSpace(response)) == 0 {
		response = []byte("null")
	}
	return response, err
}

// errorPayload returns what Lambda returns for a function that has failed.
func errorPayload(err error) []byte {
	var known interface{ Payload() []byte }
	if errors.As(err, &known) {
		return known.Payload()
	}
	payload, _ := json.Marshal(map[string]string{"errorType": "Error", "errorMessage": err.Error()}) // strings
	return payload
}

// errorFields returns the type and the message of a function's error.
func errorFields(err error) (kind, message string) {
	var fields struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(errorPayload(err), &fields) // what is not there is empty
	return fields.ErrorType, fields.ErrorMessage
}

// isThrottle reports whether a function was not invoked since no instance was free.
func isThrottle(err error) bool {
	if err == nil {
		return false
	}
	kind, _ := errorFields(err)
	return kind == "TooManyRequestsException"
}
