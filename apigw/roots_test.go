package apigw

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rootsChild is set in a process that compares the roots: package x509 reads them only once.
const rootsChild = "GATESOCK_TEST_ROOTS"

// What is read is what package x509 reads, wherever the system has it.
func TestRootsAreTheSystems(t *testing.T) {
	if os.Getenv(rootsChild) != "" {
		want, err := x509.SystemCertPool()
		require.NoError(t, err)
		require.True(t, want.Equal(systemRoots()))
		return
	}
	t.Parallel()
	folder := rootsFolder(t)
	file := filepath.Join(folder, "one", "bundle.crt")
	for name, env := range map[string]string{
		"the system's":          "",
		"a file":                "SSL_CERT_FILE=" + file,
		"a file and its folder": "SSL_CERT_FILE=" + file + " SSL_CERT_DIR=" + folder + "/one:" + folder + "/again",
		"a folder":              "SSL_CERT_FILE=/nowhere SSL_CERT_DIR=" + folder + "/one",
		"two folders":           "SSL_CERT_FILE=/nowhere SSL_CERT_DIR=" + folder + "/two:" + folder + "/one",
		"none":                  "SSL_CERT_FILE=/nowhere SSL_CERT_DIR=/nowhere",
		"an empty folder":       "SSL_CERT_FILE=/nowhere SSL_CERT_DIR=" + folder,
		"no file that is one":   "SSL_CERT_FILE=" + folder + "/one SSL_CERT_DIR=" + folder + "/two",
	} {
		//nolint:gosec // It is this program.
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestRootsAreTheSystems$")
		cmd.Env = append(append(os.Environ(), rootsChild+"=1", "GORACE=atexit_sleep_ms=0"), strings.Fields(env)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}

// rootsFolder has a folder with a bundle, a certificate and what is none, another one, and a link to the first.
func rootsFolder(t *testing.T) string {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	donor.Close()
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: donor.Certificate().Raw})
	odd := pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: donor.Certificate().Raw})
	folder := t.TempDir()
	write := func(name string, data ...byte) {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	system, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt") // may not be there
	write("one/bundle.crt", append(system, own...)...)
	write("one/odd.pem", odd...)
	write("one/own.pem", own...)
	write("one/README", []byte("nothing")...)
	write("one/folder/own.pem", own...)
	write("two/own.pem", own...)
	write("two/broken.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...)
	require.NoError(t, os.Symlink("bundle.crt", filepath.Join(folder, "one", "hash.0")))
	require.NoError(t, os.Symlink(filepath.Join(folder, "one", "bundle.crt"), filepath.Join(folder, "two", "link.crt")))
	require.NoError(t, os.Symlink(filepath.Join(folder, "one"), filepath.Join(folder, "again")))
	return folder
}

func BenchmarkSystemRoots(b *testing.B) {
	for b.Loop() {
		systemRoots()
	}
}
