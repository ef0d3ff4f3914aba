package managed

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keyOf returns a short name for what the parts say.
func keyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// once makes a folder of the cache, unless it is there already. What makes it fills a new folder,
// which gets its name when it is complete: a killed process leaves nothing that looks complete.
// Others that want the same folder, in this process or another one, wait.
func (p *preparation) once(kind, key string, fill func(folder string) error) (folder string, err error) {
	folder = filepath.Join(p.cache, kind, key)
	if isFolder(folder) {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(folder + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isFolder(folder) {
		return folder, nil
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := fill(fresh); err != nil {
		return "", err
	}
	// Where nothing can be locked, another process may have been faster.
	if err := os.Rename(fresh, folder); err != nil && !isFolder(folder) {
		return "", err
	}
	return folder, nil
}

// keep writes files into a folder that is named by their content.
func (p *preparation) keep(kind string, files map[string][]byte) (folder string, err error) {
	names := slices.Sorted(maps.Keys(files))
	var parts []string
	for _, name := range names {
		parts = append(parts, name, string(files[name]))
	}
	return p.once(kind, keyOf(parts...), func(folder string) error {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// unpacked returns the absolute path of a folder, or of one with the content of a zip file. An
// error is [os.ErrNotExist], and comes with the path, if there is nothing.
func (p *preparation) unpacked(path string) (folder string, err error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		return file, err
	}
	key := keyOf(file, fmt.Sprint(info.Size()), info.ModTime().UTC().String())
	return p.once("zip", key, func(folder string) error { return unzip(file, folder) })
}

// unzip unpacks a zip file into a folder. Nothing gets out of the folder, whatever the names are.
func unzip(file, folder string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("%s is neither a folder nor a zip file: %w", file, err)
	}
	defer archive.Close()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, entry := range archive.File {
		if err := extract(root, entry); err != nil {
			return fmt.Errorf("unpack %s from %s: %w", entry.Name, file, err)
		}
	}
	return nil
}

func extract(root *os.Root, entry *zip.File) error {
	name := filepath.FromSlash(strings.ReplaceAll(entry.Name, `\`, "/"))
	if !filepath.IsLocal(name) {
		return errors.New("the name leads out of the folder")
	}
	if entry.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	from, err := entry.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	if entry.Mode()&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(from, 4096))
		if err != nil {
			return err
		}
		return root.Symlink(string(target), name)
	}
	to, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, entry.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
