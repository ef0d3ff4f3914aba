package cloud

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// archive makes a .tgz of files and returns its path and checksum.
func archive(t *testing.T, files map[string]string) (path, sum string) {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	tape := tar.NewWriter(zipped)
	for name, text := range files {
		require.NoError(t, tape.WriteHeader(&tar.Header{
			Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg,
		}))
		_, err := tape.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, tape.Close())
	require.NoError(t, zipped.Close())
	path = filepath.Join(t.TempDir(), "package.tgz")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	digest := sha512.Sum512(b.Bytes())
	return path, hex.EncodeToString(digest[:])
}

func TestUnpackDynamo(t *testing.T) {
	t.Parallel()
	path, sum := archive(t, map[string]string{
		"package/emulator/DynamoDBLocal.jar": "jar", "package/emulator/lib/a.jar": "a", "package/README.md": "no",
	})
	folder := t.TempDir()
	program := filepath.Join(folder, "program")
	require.ErrorContains(t, unpackDynamo(path, "00", filepath.Join(folder, "new"), program), "the checksum of package.tgz is wrong")
	require.NoDirExists(t, filepath.Join(folder, "new"))
	require.NoError(t, unpackDynamo(path, sum, filepath.Join(folder, "new"), program))
	text, err := os.ReadFile(filepath.Join(program, "lib", "a.jar"))
	require.NoError(t, err)
	require.Equal(t, "a", string(text))
	require.NoFileExists(t, filepath.Join(program, "README.md"))
	require.NoError(t, unpackDynamo(path, sum, filepath.Join(folder, "late"), program), "another process was faster")

	path, sum = archive(t, map[string]string{"package/emulator/../../../outside": "x"})
	require.Error(t, unpackDynamo(path, sum, filepath.Join(folder, "evil"), filepath.Join(folder, "p")))
	require.NoFileExists(t, filepath.Join(folder, "outside"))
}

func TestStartDynamoNamesWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	_, err := StartDynamo(t.Context(), DynamoOptions{Cache: t.TempDir()})
	require.ErrorContains(t, err, "needs Java 17 or later, and there is no java here: install it")
	require.NotContains(t, err.Error(), "--store", "both stores need it")
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "java"), []byte("#!/bin/sh\necho no JVM\nexit 3\n"), 0o700))
	t.Setenv("PATH", bin)
	_, err = StartDynamo(t.Context(), DynamoOptions{Cache: t.TempDir()})
	require.ErrorContains(t, err, "it comes from npm, and there is no npm here")
	cache := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(cache, dynamoVersion), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cache, dynamoVersion, "DynamoDBLocal.jar"), nil, 0o600))
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	_, err = StartDynamo(t.Context(), DynamoOptions{Cache: cache})
	require.ErrorContains(t, err, "DynamoDB Local ended before it answered: exit status 3; it needs Java 17 or later\nno JVM")
}
