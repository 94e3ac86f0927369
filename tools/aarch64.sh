#!/bin/sh
# A Python for aarch64 with this package and its core in it, for qemu-user: DIR/python is its command.
#
# usage: [PYTHON=python3] tools/aarch64.sh DIR [LIBRARY...]
#
# The interpreter is Debian's, unpacked in DIR and not installed; the libraries of the package, numpy and LIBRARY are
# wheels; the core is cross-compiled without a warning.  PYTHON, which has pip and cffi, prepares this.  Beside the
# Debian packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user the machine stays as it is.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/apt/lists/partial" "$1/debs"
dir=$(cd "$1" && pwd)
shift
python=${PYTHON:-python3}

# apt's own knowledge of another architecture, beside that of the machine.
of_arm() {
    "$@" -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root \
        -o Dir::State::Lists="$dir/apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
}
apt_get() { of_arm apt-get "$@"; }

apt_get update
minor=$(of_arm apt-cache depends python3-minimal | sed -n 's/.*Depends: python3\.\([0-9]*\)-minimal.*/\1/p' | head -n 1)
(cd "$dir/debs" && apt_get download python3.$minor-minimal libpython3.$minor-minimal libpython3.$minor-stdlib \
    libpython3.$minor-dev zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 \
    libsqlite3-0)
for package in "$dir"/debs/*.deb; do
    dpkg -x "$package" "$dir/root"
done

dependencies=$("$python" - "$here/pyproject.toml" <<'EOF'
import sys, tomllib
print(*(text.replace(" ", "") for text in tomllib.load(open(sys.argv[1], "rb"))["project"]["dependencies"]))
EOF
)
"$python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: --target "$dir/site" \
    --python-version 3.$minor --implementation cp --abi cp3$minor --abi abi3 --abi none \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
    $dependencies numpy "$@"

core=$here/src/cardos/crypto/core
rm -rf "$dir/package" "$dir/source"
mkdir "$dir/source"
cp -r "$here/pyproject.toml" "$here/CMakeLists.txt" "$here/README.md" "$here/LICENSE" "$here/src" "$dir/source"
CARDOS_BACKEND=pure "$python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$dir/package" "$dir/source"
"$python" "$core/build.py" "$dir/_native.c"
aarch64-linux-gnu-gcc -std=c11 -O3 -Wall -Wextra -Werror -fPIC -shared -DPy_LIMITED_API=0x030b0000 "-I$core" \
    -isystem "$dir/root/usr/include/python3.$minor" -isystem "$dir/root/usr/include" \
    "$dir/_native.c" "$core"/*.c -o "$dir/package/cardos/crypto/_native.abi3.so"

cat > "$dir/python" <<EOF
#!/bin/sh
exec qemu-aarch64 -L /usr/aarch64-linux-gnu -E PYTHONPATH="$dir/package:$dir/site" \\
    -E LD_LIBRARY_PATH="$dir/root/usr/lib/aarch64-linux-gnu:$dir/root/lib/aarch64-linux-gnu" \\
    "$dir/root/usr/bin/python3.$minor" "\$@"
EOF
chmod +x "$dir/python"
