package managed

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// typeScript makes a module of TypeScript run: esbuild bundles it, as SAM, the CDK and plugins of
// the Serverless Framework do, or else Node.js removes the types.
func (p *preparation) typeScript(ctx context.Context, node interpreter, entry string, external []string,
	settings *nodeSettings,
) (flags []string, err error) {
	if esbuild := p.findESBuild(filepath.Dir(entry)); esbuild != "" {
		settings.File, err = p.bundle(ctx, esbuild, node, entry, external)
		return []string{"--enable-source-maps"}, err
	}
	version := node.version()
	settings.TypeScript, settings.File = true, entry
	switch {
	case !older(version, 22, 18) && (version[0] != 23 || !older(version, 23, 6)):
		return nil, nil
	case !older(version, 22, 6):
		return []string{"--experimental-strip-types", "--disable-warning=ExperimentalWarning"}, nil
	}
	name, err := filepath.Rel(p.folder, entry)
	if err != nil {
		name = entry
	}
	return nil, fmt.Errorf("%s is TypeScript, and nothing here runs it: install esbuild in the project "+
		`("npm install --save-dev esbuild"), use Node.js 22.18 or newer (this is %s), `+
		"or let the handler name the compiled JavaScript", filepath.ToSlash(name), node.Version)
}

// findESBuild returns the esbuild of the project, or else that in PATH; empty if there is none.
func (p *preparation) findESBuild(folder string) string {
	if found := findPackage(folder, "esbuild"); found != "" {
		if program := filepath.Join(found, "bin", "esbuild"); isFile(program) {
			return program
		}
	}
	if found := p.lookPath("esbuild"); len(found) > 0 {
		return found[0]
	}
	return ""
}

// bundle compiles a module with all that it imports into one file in the cache, and returns its
// path. Packages that the project does not have, and the runtime supplies, stay outside.
func (p *preparation) bundle(ctx context.Context, esbuild string, node interpreter, entry string, external []string) (
	string, error,
) {
	kind := filepath.Join("bundle", keyOf(entry))
	format, extension := "cjs", ".cjs"
	args := []string{"--bundle", "--platform=node", "--sourcemap=inline", "--log-level=warning", "--color=false"}
	if isModule := readManifest(filepath.Dir(entry))["type"] == "module"; filepath.Ext(entry) != ".cts" &&
		(isModule || filepath.Ext(entry) == ".mts") {
		format, extension = "esm", ".mjs"
		// Packages in CommonJS call require.
		args = append(args, `--banner:js=import { createRequire as gatesockRequire } from "node:module"; `+
			`const require = gatesockRequire(import.meta.url);`)
	}
	args = append(args, "--format="+format, fmt.Sprintf("--target=node%d", node.version()[0]))
	for _, name := range external {
		args = append(args, "--external:"+name)
	}
	cmd := exec.CommandContext(ctx, esbuild, append(args, entry)...)
	cmd.Dir = p.folder
	cmd.Env = p.toolEnv()
	cmd.WaitDelay = waitDelay
	var output, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &problems
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if text := strings.TrimSpace(problems.String()); text != "" {
			return "", fmt.Errorf("esbuild cannot compile %s:\n%s", entry, text)
		}
		return "", fmt.Errorf("esbuild cannot compile %s: %w", entry, err)
	}
	if text := strings.TrimSpace(problems.String()); text != "" {
		p.Log("esbuild: " + text)
	}
	p.prune(kind)
	name := strings.TrimSuffix(filepath.Base(entry), filepath.Ext(entry)) + extension
	folder, err := p.keep(kind, map[string][]byte{name: output.Bytes()})
	return filepath.Join(folder, name), err
}

// prune removes what an earlier process left of a kind. What is new may still run.
func (p *preparation) prune(kind string) {
	folder := filepath.Join(p.cache, kind)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
}
