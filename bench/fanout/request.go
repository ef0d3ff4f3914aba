package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is what the server looks at in a request.
type request struct {
	method, path        string // the path as it was sent
	authorization, date string
	token               string
	length              int // of the body
	last                bool
}

// readRequest reads a request with its body. What it does not know, such as chunked bodies, is an
// error.
func readRequest(r *bufio.Reader) (*request, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(string(line), " ")
	if len(parts) != 3 || parts[2] != "HTTP/1.1" {
		return nil, fmt.Errorf("request line %q", line)
	}
	p := &request{method: parts[0], path: parts[1], length: -1}
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		if err := p.readHeader(line); err != nil {
			return nil, err
		}
	}
	if p.length < 0 {
		return nil, errors.New("no Content-Length")
	}
	_, err = io.CopyN(io.Discard, r, int64(p.length))
	return p, err
}

// readLine returns a line without its end, valid until the next read. A line that does not fit into
// r's buffer is an error.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// longestName is the length of the longest header name that is read.
const longestName = len("x-amz-security-token")

// readHeader takes what is of interest in a header. The switch is on bytes, so that the others cost
// nothing.
func (p *request) readHeader(line []byte) (err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return fmt.Errorf("header %q", line)
	}
	if len(name) > longestName {
		return nil
	}
	var lower [longestName]byte
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	value = bytes.TrimSpace(value)
	switch string(lower[:len(name)]) {
	case "content-length":
		p.length, err = strconv.Atoi(string(value))
		if err == nil && (p.length < 0 || p.length > maxPayload) {
			err = fmt.Errorf("Content-Length %d", p.length)
		}
	case "transfer-encoding", "expect":
		err = fmt.Errorf("header %q", line)
	case "connection":
		p.last = bytes.EqualFold(value, []byte("close"))
	case "authorization":
		p.authorization = string(value)
	case "x-amz-date":
		p.date = string(value)
	case "x-amz-security-token":
		p.token = string(value)
	}
	return err
}

// check returns the connection that a request posts to. It does not verify the signature, but fails
// if any part of one is missing.
func (p *request) check() (id string, err error) {
	if p.method != "POST" {
		return "", fmt.Errorf("method %q", p.method)
	}
	path, err := url.PathUnescape(p.path)
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(path, "/"+stage+"/@connections/")
	if !ok || id == "" {
		return "", fmt.Errorf("path %q", p.path)
	}
	if p.token == "" {
		return "", errors.New("no X-Amz-Security-Token")
	}
	if _, err := time.Parse("20060102T150405Z", p.date); err != nil {
		return "", fmt.Errorf("X-Amz-Date: %w", err)
	}
	return id, checkAuthorization(p.authorization, p.date[:len("20060102")])
}

// checkAuthorization fails unless an Authorization header is complete, for that day, and covers the
// headers that the gateway requires (IAM User Guide, "Create a signed AWS API request").
func checkAuthorization(header, day string) error {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 Credential=")
	credential, rest, ok2 := strings.Cut(rest, ", SignedHeaders=")
	signed, signature, ok3 := strings.Cut(rest, ", Signature=")
	if !ok || !ok2 || !ok3 {
		return fmt.Errorf("the Authorization header is %q", header)
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[0] == "" ||
		!slices.Equal(scope[1:], []string{day, region, "execute-api", "aws4_request"}) {
		return fmt.Errorf("credential %q", credential)
	}
	names := strings.Split(signed, ";")
	for _, name := range []string{"host", "x-amz-date", "x-amz-security-token"} {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	if len(signature) != 64 || strings.Trim(signature, "0123456789abcdef") != "" {
		return fmt.Errorf("signature %q", signature)
	}
	return nil
}
