package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// instanceID returns the name of the worker whose state is in stateDir: the one kept there, or a new random one
// that is kept from then on. The folder is made if it is missing. The name is part of transaction ids: two
// workers must not share it, so a state folder must not be copied for another worker.
func instanceID(stateDir string) (string, error) {
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return "", fmt.Errorf("cannot make the state folder: %w", err)
	}
	path := stateFile(stateDir, "instance")
	content, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(content))
		if checkTopicName(id) != nil {
			return "", fmt.Errorf("cannot use the worker's name in %s: it is damaged; remove the file to get a new one", path)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read the worker's name: %w", err)
	}
	id := strings.ToLower(rand.Text()[:12])
	if err := writeFile(path, id+"\n"); err != nil {
		return "", fmt.Errorf("cannot keep the worker's name: %w", err)
	}
	return id, nil
}

// writeFile writes a small file whole or not at all, so that a crash leaves no empty one.
func writeFile(path, content string) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
