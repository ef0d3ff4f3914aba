package managed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// findLayers makes the folder that stands for /opt. One layer that is a folder is used in place, so
// that changes of it count at once.
func (p *preparation) findLayers() error {
	var folders []string
	for _, layer := range p.Layers {
		folder, err := p.unpacked(layer)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the layer %s does not exist: build it, or correct its folder", folder)
		}
		if err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	if len(folders) == 0 {
		return nil
	}
	p.opt = folders[0]
	if len(folders) > 1 {
		var err error
		if p.opt, err = p.merge(folders); err != nil {
			return err
		}
	}
	if entries, err := os.ReadDir(filepath.Join(p.opt, "extensions")); err == nil && len(entries) > 0 {
		p.Log(fmt.Sprintf("the layers have the extension %s, which is not started here", entries[0].Name()))
	}
	return nil
}

// merge copies layers into one folder. Its name depends on the names, sizes and times of all files.
func (p *preparation) merge(folders []string) (string, error) {
	var parts []string
	for n, folder := range folders {
		folder, err := filepath.EvalSymlinks(folder) // links in it stay links
		if err != nil {
			return "", err
		}
		folders[n] = folder
		err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			parts = append(parts, path)
			if !entry.IsDir() {
				parts = append(parts, fmt.Sprint(info.Size()), info.ModTime().UTC().String())
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return p.once("opt", keyOf(parts...), func(opt string) error {
		for _, folder := range folders {
			if err := copyOver(opt, folder); err != nil {
				return fmt.Errorf("copy the layer %s: %w", folder, err)
			}
		}
		return nil
	})
}

// copyOver copies a folder's content into another folder. What is there is replaced.
func copyOver(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			if info, err := os.Lstat(target); err == nil && !info.IsDir() {
				if err := os.Remove(target); err != nil {
					return err
				}
			}
			return os.MkdirAll(target, 0o755)
		}
		if err := os.RemoveAll(target); err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil // such as a socket or a pipe, which no layer has on Lambda
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm()|0o600)
	})
}

// layerEnv returns the variables by which programs and libraries of layers are found.
func (p *preparation) layerEnv() (env []string) {
	if p.opt == "" {
		return nil
	}
	for _, v := range []struct{ name, folder, value string }{
		{"PATH", "bin", p.path()},
		{"LD_LIBRARY_PATH", "lib", p.getenv("LD_LIBRARY_PATH")},
	} {
		folder := filepath.Join(p.opt, v.folder)
		if isFolder(folder) {
			folders := slices.DeleteFunc([]string{folder, v.value}, func(s string) bool { return s == "" })
			env = append(env, v.name+"="+strings.Join(folders, string(os.PathListSeparator)))
		}
	}
	return env
}
