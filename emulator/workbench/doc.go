// Package workbench lets people and scripts see, break and script an application that runs in front
// of package emulator.
package workbench
