"""A small language: lines of words compiled to instructions, which a machine with a stack runs."""

PROGRAM = """
let n = 0
let total = 0
while n < 400
  let k = n % 7
  if k == 3
    let total = total + n * 2
  else
    let total = total + k
  end
  if total > 5000
    let total = total - 4999
  end
  let n = n + 1
end
print total
"""


def to_value(word):
    return int(word) if word.lstrip("-").isdigit() else word


PRECEDENCE = {"<": 1, ">": 1, "==": 1, "+": 2, "-": 2, "*": 3, "%": 3}


def compile_expression(words, code):
    operators = []
    for word in words:
        if word in PRECEDENCE:
            while operators and PRECEDENCE[operators[-1]] >= PRECEDENCE[word]:
                code.append(("binary", operators.pop()))
            operators.append(word)
        else:
            value = to_value(word)
            code.append(("push", value) if isinstance(value, int) else ("load", value))
    while operators:
        code.append(("binary", operators.pop()))


def compile_program(text):
    code = []
    blocks = []
    for line in text.split("\n"):
        words = line.split()
        if not words:
            continue
        if words[0] == "let":
            compile_expression(words[3:], code)
            code.append(("store", words[1]))
        elif words[0] in ("while", "if"):
            start = len(code)
            compile_expression(words[1:], code)
            blocks.append((words[0], start, len(code)))
            code.append(None)
        elif words[0] == "else":
            kind, start, hole = blocks.pop()
            blocks.append(("else", start, len(code)))
            code.append(None)
            code[hole] = ("branch", len(code))
        elif words[0] == "end":
            kind, start, hole = blocks.pop()
            if kind == "while":
                code.append(("jump", start))
            code[hole] = ("jump" if kind == "else" else "branch", len(code))
        elif words[0] == "print":
            compile_expression(words[1:], code)
            code.append(("print", None))
        else:
            raise SyntaxError(line)
    return code


class Machine:
    def __init__(self, code):
        self.code = code
        self.stack = []
        self.names = {}
        self.output = []
        self.steps = 0

    def binary(self, operator):
        b = self.stack.pop()
        a = self.stack.pop()
        match operator:
            case "+":
                result = a + b
            case "-":
                result = a - b
            case "*":
                result = a * b
            case "%":
                result = a % b
            case "<":
                result = int(a < b)
            case ">":
                result = int(a > b)
            case "==":
                result = int(a == b)
        self.stack.append(result)

    def run(self):
        pc = 0
        while pc < len(self.code):
            name, argument = self.code[pc]
            pc += 1
            self.steps += 1
            if name == "push":
                self.stack.append(argument)
            elif name == "load":
                self.stack.append(self.names[argument])
            elif name == "store":
                self.names[argument] = self.stack.pop()
            elif name == "binary":
                self.binary(argument)
            elif name == "jump":
                pc = argument
            elif name == "branch":
                if not self.stack.pop():
                    pc = argument
            elif name == "print":
                self.output.append(self.stack.pop())


def run():
    outputs = []
    for limit in (1500, 3000, 4000):
        code = compile_program(PROGRAM.replace("400", str(limit)))
        machine = Machine(code)
        machine.run()
        outputs.append((machine.output, machine.steps))
    return len(code), outputs, code[:4]
