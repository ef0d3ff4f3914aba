package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// FuzzExpression checks that any expression is rejected or evaluates, that no JSON body makes it
// fail, and that single values are what encoding/json finds.
func FuzzExpression(f *testing.F) {
	for _, e := range []string{
		"$request.body.action", "${request.body.service}/${request.body.action}", `\$default`, "$request.body.a[0]['b'].*",
		"${request.body", "$", "$context.routeKey", "$request.body..a", `$request.body["a"]-x`, "",
	} {
		f.Add(e, []byte(`{"action":"join","service":"chat","a":[{"b":{"c":null,"d":1e3}},true,"\u00e9\ud83d\ude42"]}`))
	}
	f.Add("$request.body.a", []byte(`{"a":{"a":"}]\"\\"},"\u0061":[[],{}, "x"]}`))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		e, err := parseExpression(text)
		if err != nil {
			return
		}
		key, ok := e.evaluate(body)
		if json.Valid(body) {
			require.True(t, ok)
		}
		if ok && utf8.Valid(body) && utf8.ValidString(text) {
			require.True(t, utf8.ValidString(key))
		}
		if action, ok := actionOf(body); ok && text == "$request.body.action" {
			require.Equal(t, action, key)
		}
	})
}

// actionOf returns the action that encoding/json finds, if it is a string.
func actionOf(body []byte) (string, bool) {
	var object map[string]any
	if !utf8.Valid(body) || json.Unmarshal(body, &object) != nil {
		return "", false
	}
	action, ok := object["action"].(string)
	return action, ok
}

// FuzzFrameReader checks that any bytes lead to frames within the limits, to a violation with a
// valid code, or to the end.
func FuzzFrameReader(f *testing.F) {
	f.Add(slices.Concat(masked(opText, true, "hello"), masked(opClose, true, "\x03\xe8bye")))
	f.Add(slices.Concat(masked(opText, false, "a"), masked(opPing, true, "p"), masked(opContinuation, true, "b")))
	f.Add(slices.Concat(masked(opBinary, true, "b")))
	f.Add([]byte("\x81\x08unmasked"))
	f.Add(slices.Concat(masked(opText, true, strings.Repeat("x", 32*kb+1))))
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := frameReader{r: bytes.NewReader(data)}
		for {
			op, payload, err := r.next()
			var v *violation
			switch {
			case errors.As(err, &v):
				require.Contains(t, []int{1002, 1003, 1009}, v.code)
				_ = r.drain(v.rest) // it ends
				return
			case err != nil:
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
				return
			case op == opClose:
				status, err := closeStatus(payload)
				require.True(t, err != nil || status.Code == StatusNoStatusRcvd || sendable(status.Code))
			case op == opText:
				require.LessOrEqual(t, len(payload), gatesock.MaxMessageSize)
			}
		}
	})
}

// FuzzPath checks that any path has one meaning, that an id has no slash, and that the path of an
// open connection is recognized however it is escaped.
func FuzzPath(f *testing.F) {
	for _, p := range []string{
		"/dev", "/dev/", "/dev/@connections/AAAAAAAAAAAAAAA=", "/dev/%40connections/AAAAAAAAAAAAAAA%3D",
		"/dev/%2540connections/x%253D",
		"/@connections/x", "/dev/@connections/", "/dev/@connections/a/b", "/deva", "", "/dev/%", "/dev/@connections/%2F",
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		cfg := Config{Stage: "dev"}
		p := cfg.parsePath("localhost", escaped)
		if p.kind == pathConnection {
			require.NotEmpty(t, p.id)
			require.NotContains(t, p.id, "/")
		}
		if p.kind != pathForbidden {
			require.True(t, strings.HasPrefix(unescape(unescape(escaped)), "/dev"))
		}
	})
}

// FuzzSpellings checks that the headers of any head that net/http accepts are found under
// equivalent names, and that the search accepts any bytes.
func FuzzSpellings(f *testing.F) {
	for _, head := range []string{
		"GET /dev HTTP/1.1\r\nHost: h\r\nHeaderAuth1: a\r\nauthorization: b\r\n\r\n",
		"GET / HTTP/1.1\nhost: h\nX: a\n b\nx: c\n\n",
		"POST /a HTTP/1.1\r\nHost: h\r\n\r\nGET /dev HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n", "",
	} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, read []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(read)))
		if err != nil {
			spellings(read, "GET / HTTP/1.1", nil)
			return
		}
		names := spellings(read, r.Method+" "+r.RequestURI+" "+r.Proto, r.Header)
		for name, spelled := range names {
			require.Equal(t, name, http.CanonicalHeaderKey(spelled))
		}
		if bytes.Count(read, []byte(r.RequestURI+" "+r.Proto)) == 1 {
			require.NotNil(t, names)
			for name := range r.Header {
				require.Contains(t, names, name)
			}
		}
	})
}

// FuzzQuery compares with net/url where that accepts the query, and checks that nothing gets lost.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"a=1&b=2", "a=1;b=2", "a=%zz&%=%4", "=&&=", "a+b=%41+%", ""} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := parseQuery(raw)
		if want, err := url.ParseQuery(raw); err == nil {
			require.Equal(t, want, got)
		}
		values, pairs := 0, 0
		for _, v := range got {
			values += len(v)
		}
		for pair := range strings.SplitSeq(raw, "&") {
			if pair != "" {
				pairs++
			}
		}
		require.Equal(t, pairs, values)
	})
}

// FuzzFaultSpec reads specs from outside. What is valid makes faults, and is the same after another
// way through JSON and through its faults.
func FuzzFaultSpec(f *testing.F) {
	for _, k := range FaultKinds() {
		f.Add([]byte(`{"fault":"` + k.Fault + `","delay":"2s"}`))
		f.Add([]byte(`{"fault":"` + k.Fault + `","times":3,"chance":0.5,"connections":["a","#3"]}`))
	}
	f.Add([]byte(`{"fault":"throttled","rate":10,"burst":5,"route":"say"}`))
	f.Add([]byte(`{"fault":"fail","status":410,"error":"text"}`))
	f.Add([]byte(`{"fault":"half-open","noticed":"1m","spread":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s FaultSpec
		if err := json.Unmarshal(data, &s); err != nil {
			return
		}
		text, err := json.Marshal(s)
		require.NoError(t, err)
		var again FaultSpec
		require.NoError(t, json.Unmarshal(text, &again), "%s", text)
		require.Equal(t, s, again, "%s", text)
		numbers := slices.ContainsFunc(s.Connections, func(c string) bool { return c[0] == '#' })
		faults, err := s.Faults()
		require.Equal(t, numbers, err != nil, "%s: %v", text, err)
		for _, fault := range faults {
			same, err := fault.Spec().Faults()
			require.NoError(t, err, "%s", text)
			requireSameFault(t, fault, same[0])
			require.NotEmpty(t, fault.String())
		}
	})
}
