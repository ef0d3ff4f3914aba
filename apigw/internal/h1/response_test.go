package h1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// read reads one answer from bytes, a few at a time.
func read(wire string) (resp Response, again bool, rest string, err error) {
	r := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(wire)), readBuffer)
	again, err = resp.readFrom(r)
	left, _ := io.ReadAll(r)
	return resp, again, string(left), err
}

func TestReadResponse(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", MaxBody)
	for _, c := range []struct {
		name, wire string
		want       Response
		again      bool
		rest       string
	}{
		{"empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Response{Status: 200}, true, ""},
		{"body", "HTTP/1.1 200 OK\r\ncontent-length:3 \r\n\r\nabcd", Response{Status: 200, Body: []byte("abc")}, true, "d"},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Response{Status: 200}, true, ""},
		{
			"error type, the first of two",
			"HTTP/1.1 410 Gone\r\nX-AMZN-ERRORTYPE: \t GoneException \r\nx-amzn-errortype: x\r\n" +
				"Content-Length: 0\r\n\r\n",
			Response{Status: 410, ErrorType: "GoneException"},
			true, "",
		},
		{
			"204 has no body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde",
			Response{Status: 204},
			true, "abcde",
		},
		{
			"304 has no body", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\nx",
			Response{Status: 304},
			true, "x",
		},
		{"to the end", "HTTP/1.1 200 OK\r\n\r\nabc", Response{Status: 200, Body: []byte("abc")}, false, ""},
		{"to the end, empty", "HTTP/1.1 200 OK\r\n\r\n", Response{Status: 200, Body: []byte{}}, false, ""},
		{"close", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", Response{Status: 200}, false, ""},
		{
			"two connection fields",
			"HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
			Response{Status: 200},
			false, "",
		},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Response{Status: 200}, false, ""},
		{
			"HTTP/1.0 that stays", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
			Response{Status: 200},
			true, "",
		},
		{
			"equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nab",
			Response{Status: 200, Body: []byte("a")},
			true, "b",
		},
		{
			"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest",
			Response{Status: 200, Body: []byte("abcde")},
			true, "rest",
		},
		{
			"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nZ: w\r\n\r\nrest",
			Response{Status: 200, Body: []byte{}},
			true, "rest",
		},
		{
			"chunks and a length",
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
			Response{Status: 200, Body: []byte("a")},
			false, "",
		},
		{
			"after 1xx",
			"HTTP/1.1 100 Continue\r\n\r\n" +
				"HTTP/1.1 103 Early Hints\r\nx-amzn-errortype: no\r\nContent-Length: 7\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			Response{Status: 200},
			true, "",
		},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\na", Response{Status: 200, Body: []byte("a")}, true, ""},
		{
			"the most of a body", "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + big + "r",
			Response{Status: 200, Body: []byte(big)},
			true, "r",
		},
		{
			"more than is read", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + big + "r",
			Response{Status: 200, Body: []byte(big)},
			false, "r",
		},
		{
			"more chunks than are read", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" + big + "r",
			Response{Status: 200, Body: []byte(big)},
			false, "r",
		},
		{
			"more to the end than is read", "HTTP/1.1 200 OK\r\n\r\n" + big + "r",
			Response{Status: 200, Body: []byte(big)},
			false, "r",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, again, rest, err := read(c.wire)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.again, again, "again")
			require.Equal(t, c.rest, rest)
		})
	}
}

func TestReadResponseRefuses(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, wire, says string
		status           int // what is known nevertheless
	}{
		{"not HTTP", "220 mail.example.com\r\n", `malformed status line "220 mail.example.com"`, 0},
		{"another version", "HTTP/2.0 200 OK\r\n\r\n", "malformed status line", 0},
		{"no status", "HTTP/1.1\r\n\r\n", "malformed status line", 0},
		{"short status", "HTTP/1.1 20 OK\r\n\r\n", "malformed status line", 0},
		{"low status", "HTTP/1.1 099 OK\r\n\r\n", "malformed status line", 0},
		{"signed status", "HTTP/1.1 +20 OK\r\n\r\n", "malformed status line", 0},
		{"long line", "HTTP/1.1 200 " + strings.Repeat("x", readBuffer), "more than 8192 bytes", 0},
		{"long head", head + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 70), "more than 65536 bytes", 0},
		{"1xx without end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 3000), "more than 65536 bytes", 0},
		{"switches", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "switched protocols", 0},
		{"no colon", head + "abc\r\n\r\n", `malformed header field "abc"`, 0},
		{"no name", head + ": x\r\n\r\n", "malformed header field", 0},
		{"space before the colon", head + "Content-Length : 3\r\n\r\n", "malformed header field", 0},
		{"folded", head + "A: b\r\n c\r\n\r\n", "malformed header field", 0},
		{"control character", head + "A: b\x00\r\n\r\n", "malformed header field", 0},
		{"bare carriage return", head + "A: b\rContent-Length: 3\r\n\r\n", "malformed header field", 0},
		{"signed length", head + "Content-Length: +3\r\n\r\nabc", `malformed content length "+3"`, 0},
		{"list of lengths", head + "Content-Length: 3, 3\r\n\r\nabc", "malformed content length", 0},
		{"no length", head + "Content-Length:\r\n\r\n", "malformed content length", 0},
		{"huge length", head + "Content-Length: 9223372036854775808\r\n\r\n", "malformed content length", 0},
		{"two lengths", head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "two content lengths, 3 and 4", 0},
		{"gzip", head + "Transfer-Encoding: gzip, chunked\r\n\r\n", `transfer encoding "gzip, chunked"`, 0},
		{"two encodings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer encoding", 0},
		{"chunks in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0", 0},
		{"cut in the status", "HTTP/1.1 2", io.ErrUnexpectedEOF.Error(), 0},
		{"cut in the head", head + "Content-Length: 3", io.ErrUnexpectedEOF.Error(), 0},
		{"cut before the body", head + "Content-Length: 3\r\n\r\n", io.ErrUnexpectedEOF.Error(), 200},
		{"cut in the body", head + "Content-Length: 3\r\n\r\nab", io.ErrUnexpectedEOF.Error(), 200},
		{"cut in a chunk", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nab", io.ErrUnexpectedEOF.Error(), 200},
		{"cut before the trailer", head + "Transfer-Encoding: chunked\r\n\r\n0\r\n", io.ErrUnexpectedEOF.Error(), 200},
		{"no chunk", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "invalid byte in chunk length", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, again, _, err := read(c.wire)
			require.ErrorContains(t, err, c.says)
			require.False(t, again)
			require.Equal(t, c.status, got.Status)
			require.Less(t, len(err.Error()), 500)
		})
	}
}

// stricter reports whether this package refuses what net/http accepts: another version, a status
// below 100, spaces before the status, folded lines, a head or a line that is too long, an
// encoding in HTTP/1.0, which net/http ignores, or a wrong Trailer.
func stricter(wire []byte, err error) bool {
	loose := regexp.MustCompile(`^HTTP/\d\.\d +0?\d\d|\n[ \t]|^HTTP/([^1]|1\.[^01])`)
	for _, says := range []string{"bytes", "HTTP/1.0", "switched", "status line"} {
		if strings.Contains(err.Error(), says) {
			return true
		}
	}
	return loose.Match(wire)
}

// This package reads what net/http reads, and keeps a connection if net/http does.
func FuzzReadResponse(f *testing.F) {
	for _, wire := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
		"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
	} {
		f.Add([]byte(wire))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var got Response
		again, err := got.readFrom(bufio.NewReaderSize(bytes.NewReader(wire), readBuffer))
		want, body, wantErr := reference(wire) //nolint:bodyclose // It is closed there.
		if err != nil {
			if wantErr == nil && !stricter(wire, err) {
				t.Fatalf("net/http reads it, but: %v", err)
			}
			return
		}
		if wantErr != nil && got.Body != nil && bytes.Contains(wire, []byte("\n0")) {
			return // net/http reads the trailer, which is skipped here.
		}
		require.NoError(t, wantErr)
		require.Equal(t, want.StatusCode, got.Status)
		require.Equal(t, want.Header.Get("X-Amzn-ErrorType"), got.ErrorType)
		require.Equal(t, string(body), string(got.Body))
		require.LessOrEqual(t, len(got.Body), MaxBody)
		if again {
			require.False(t, want.Close)
		}
	})
}

// reference reads an answer with net/http.
func reference(wire []byte) (*http.Response, []byte, error) {
	r := bufio.NewReader(bytes.NewReader(wire))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, nil, err
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusSwitchingProtocols {
				return nil, nil, errors.New("switched")
			}
			continue
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
		_ = resp.Body.Close()
		return resp, body, err
	}
}
