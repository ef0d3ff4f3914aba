package apigw

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// systemRoots returns the authorities that the system trusts, those of [x509.SystemCertPool], in less time: on Linux that
// reads a bundle and then folders which have the same certificates again, or the bundle itself, and parses everything that
// it reads, one after the other. Here a certificate is parsed once, and by as many goroutines as there are processors.
func systemRoots() *x509.CertPool {
	// The fallback roots of package x509 are its own business.
	if runtime.GOOS == "linux" && !strings.Contains(os.Getenv("GODEBUG"), "x509usefallbackroots=1") {
		if pool := readRoots(rootFiles()); pool != nil {
			return pool
		}
	}
	pool, _ := x509.SystemCertPool() // Where there are none the handshake says so.
	return pool
}

// rootFiles returns the files that package x509 reads (crypto/x509, root_linux.go and root_unix.go).
func rootFiles() (names []string) {
	files := []string{
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
	if name := os.Getenv("SSL_CERT_FILE"); name != "" {
		files = []string{name}
	}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && !info.IsDir() {
			names = append(names, name)
			break
		}
	}
	folders := []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
	if list := os.Getenv("SSL_CERT_DIR"); list != "" {
		folders = strings.Split(list, ":")
	}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder) // those that could be read
		for _, entry := range entries {
			name := folder + "/" + entry.Name()
			if entry.Type()&os.ModeSymlink == 0 || !isNeighbour(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// isNeighbour reports whether a link leads to a file in its own folder, which is read by itself.
func isNeighbour(link string) bool {
	target, err := os.Readlink(link)
	return err == nil && !strings.Contains(target, "/")
}

// bundles are the large files that were read: folders often have the bundle again, as a link. They are safe for concurrent
// use.
type bundles struct {
	mu    sync.Mutex
	infos []os.FileInfo
}

// bundleSize is what a file has at least that is looked for, in bytes. A smaller one costs less to read again.
const bundleSize = 16 << 10

// add adds a file, and reports whether it was not there.
func (b *bundles) add(info os.FileInfo) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.infos {
		if os.SameFile(info, known) {
			return false
		}
	}
	b.infos = append(b.infos, info)
	return true
}

// readRoots reads the certificates of some files, and returns nil if there are none.
func readRoots(files []string) *x509.CertPool {
	read := make([][][]byte, len(files))
	var large bundles
	inParallel(len(files), func(i int) { read[i] = decode(large.read(files[i])) })
	var unique [][]byte
	known := map[string]bool{}
	for _, list := range read {
		for _, der := range list {
			if !known[string(der)] {
				known[string(der)] = true
				unique = append(unique, der)
			}
		}
	}
	parsed := make([]*x509.Certificate, len(unique))
	inParallel(len(unique), func(i int) { parsed[i], _ = x509.ParseCertificate(unique[i]) })
	var pool *x509.CertPool
	for _, cert := range parsed {
		if cert == nil { // What can't be read is passed over, as it is there.
			continue
		}
		if pool == nil {
			pool = x509.NewCertPool()
		}
		pool.AddCert(cert)
	}
	return pool
}

// read returns what is in a file, nothing if it is known.
func (b *bundles) read(name string) []byte {
	f, err := os.Open(name) //nolint:gosec // The system's, or what the environment names for all programs.
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() >= bundleSize && !b.add(info) {
		return nil
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return data[:n]
}

// decode returns the certificates in a file.
func decode(data []byte) (list [][]byte) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return list
		}
		if block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			list = append(list, block.Bytes)
		}
	}
}

// inParallel calls do for 0 to n-1, and returns when all calls have.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
