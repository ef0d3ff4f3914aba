package dev

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOwnPage(t *testing.T) {
	t.Parallel()
	p, err := newPage("", "/")
	require.NoError(t, err)
	w := get(t, p, "/")
	require.Contains(t, w.Body.String(), own+"page.js")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, string(pageJS), get(t, p, own+"page.js").Body.String())
	require.Equal(t, http.StatusNotFound, get(t, p, "/other").Code)

	p.fail("/app", trouble{title: "no", problems: []problem{{File: "/app/main.go", Line: 1, Text: "x"}}, output: "rest"}, true)
	p.close()
	w = get(t, p, own+"status")
	require.Equal(t, `data: {"name":"","addresses":null,"state":"failed","title":"no","problems":[{"file":"main.go","line":1,"text":"x"}],`+
		`"output":"rest","goesOn":true,"reloads":0,"pages":0}`+"\n\n", w.Body.String())
	p.run()
	require.Contains(t, get(t, p, own+"status").Body.String(), `"state":"ready","reloads":0`)
}

// A web page can't read the status under a name that it has bound to this machine.
func TestPageBeforeTheAPIRuns(t *testing.T) {
	t.Parallel()
	p, err := newPage("", "/")
	require.NoError(t, err)
	p.close()
	w := waiting{page: p}
	for host, want := range map[string]int{
		"localhost:3001": 200, "127.0.0.1:3001": 200, "[::1]:3001": 200, "[::1]": 200, "API.localhost.": 200,
		"evil.example.com:3001": 403, "localhost.example.com": 403, "": 403,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, own+"status", nil)
		r.Host = host
		got := httptest.NewRecorder()
		w.ServeHTTP(got, r)
		require.Equal(t, want, got.Code, host)
	}
}

func TestStatusStream(t *testing.T) {
	t.Parallel()
	p, err := newPage("", "/")
	require.NoError(t, err)
	server := httptest.NewServer(p)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+own+"status", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	read := func() string {
		text := make([]byte, 1000)
		n, err := answer.Body.Read(text)
		require.NoError(t, err)
		return string(text[:n])
	}
	require.Contains(t, read(), `"state":"building"`)
	p.run()
	require.Contains(t, read(), `"state":"ready"`)
	p.close()
	_, err = io.ReadAll(answer.Body)
	require.NoError(t, err)
}

func TestPagesInAFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, "<html><head><title>x</title></HEAD><body></body></html>", folder, "web", "index.html")
	write(t, "<p>part", folder, "web", "part.html")
	write(t, "let x = '</head>';", folder, "web", "app.js")
	p, err := newPage("web", folder)
	require.NoError(t, err)
	w := get(t, p, "/")
	require.Equal(t, "<html><head><title>x</title>"+overlayTag+"</HEAD><body></body></html>", w.Body.String())
	require.Empty(t, w.Header().Get("Content-Length"))
	require.Equal(t, "<p>part"+overlayTag, get(t, p, "/part.html", "Range", "bytes=0-2").Body.String())
	require.Equal(t, "let x = '</head>';", get(t, p, "/app.js").Body.String())
	require.Equal(t, http.StatusNotFound, get(t, p, "/nothing").Code)
	require.Equal(t, string(overlayJS), get(t, p, own+"overlay.js").Body.String())

	_, err = newPage("nowhere", folder)
	require.EqualError(t, err, "--pages: there is no folder "+filepath.Join(folder, "nowhere")+
		": name a folder, or an address such as http://localhost:5173")
	_, err = newPage(filepath.Join(folder, "web", "app.js"), folder)
	require.ErrorContains(t, err, "there is no folder")
}

func TestPagesOfAServer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", longestPage)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/long":
			_, _ = io.WriteString(w, long)
		case "/text":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "</head>")
		default:
			w.Header().Set("Etag", "x")
			_, _ = io.WriteString(w, "<head></head>"+r.Host+" "+r.Header.Get("Accept-Encoding"))
		}
	}))
	p, err := newPage(server.URL, "/")
	require.NoError(t, err)
	w := get(t, p, "/a?b", "Accept-Encoding", "br")
	require.Equal(t, "<head>"+overlayTag+"</head>example.com gzip", w.Body.String(),
		"with the host that the client has asked for, and an encoding that can be undone")
	require.Empty(t, w.Header().Get("Etag"))
	require.Equal(t, "</head>", get(t, p, "/text").Body.String())
	require.Len(t, get(t, p, "/long").Body.String(), longestPage, "a page that is too long is not changed")
	server.Close()
	w = get(t, p, "/")
	require.Equal(t, http.StatusBadGateway, w.Code)
	require.Contains(t, w.Body.String(), "there is no answer from "+server.URL)
}

func TestEnvFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, "\ufeff# comment\n\nA=1\r\nexport B = two words # not this\nC='#$\\n'\nD=\"a\\n\\\"b\\\" \\$x \\q\"\nE=\nF=a#b\n", folder, ".env")
	write(t, "A=2", folder, "second")
	o := Options{Folder: folder, EnvFiles: []string{".env", filepath.Join(folder, "second")}}
	got, err := o.variables()
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"A": "2", "B": "two words", "C": `#$\n`, "D": "a\n\"b\" $x \\q", "E": "", "F": "a#b",
	}, got)
	for text, want := range map[string]string{
		"A=1\nB": ":2: want NAME=VALUE", "=x": ":1: want NAME=VALUE", "A B=1": "want NAME=VALUE", "A='x": ":1: the value has no ' at its end",
	} {
		write(t, text, folder, "bad")
		_, err := readEnvFile(filepath.Join(folder, "bad"))
		require.ErrorContains(t, err, want)
	}
	_, err = (&Options{Folder: folder, EnvFiles: []string{"none"}}).variables()
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Functions get nothing of the environment that leads to AWS, and nothing that is secret.
func TestBaseEnvironment(t *testing.T) {
	t.Parallel()
	o := Options{Environ: []string{"PATH=/bin", "HOME=/home/ann", "AWS_ACCESS_KEY_ID=AKIA", "AWS_PROFILE=prod", "TOKEN=x", "PATH=/usr/bin"}}
	require.Equal(t, []string{
		"PATH=/usr/bin", "HOME=/home/ann", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}, o.baseEnv())
}

func FuzzEnvValue(f *testing.F) {
	f.Add(`"a\n\"b"`)
	f.Add("'x' # y")
	f.Fuzz(func(t *testing.T, text string) {
		value, err := envValue(text)
		if err == nil && len(value) > len(text) {
			t.Fatalf("%q is longer than %q", value, text)
		}
	})
}
